//! [COCO's annotations](https://cocodataset.org/#format-data): one object with the lists `images` and
//! `annotations`. Each annotation names its picture by `image_id`.
//!
//! Either list may come first and be larger than memory, so they are joined in a temporary database.

use std::cell::Cell;
use std::fmt::{self, Formatter};
use std::io::{self, BufReader, Read};
use std::path::Path;

use rusqlite::{Connection, params};
use serde::Deserialize;
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::{Map, Value};

use crate::columns::{Columns, Role};
use crate::listing::temporary_database;
use crate::row::LONGEST;
use crate::{Error, Result};

const TABLES: &str = "
    CREATE TABLE images (id TEXT NOT NULL, image TEXT NOT NULL);
    CREATE TABLE captions (
        id      TEXT NOT NULL,
        number  INTEGER NOT NULL,
        caption TEXT NOT NULL,
        PRIMARY KEY (id, number)
    ) WITHOUT ROWID;
";

type Object = Map<String, Value>;

/// The used fields of an annotation.
#[derive(Deserialize)]
struct Annotation {
    #[serde(default)]
    image_id: Value,
    #[serde(default)]
    caption: Value,
}

/// Whether a text begins with an object that has a list of images or annotations as in COCO.
pub(crate) fn is_meant(start: &[u8], columns: &Columns) -> bool {
    let has_path = |names: &mut dyn Iterator<Item = &String>| {
        let names: Vec<&str> = names.map(String::as_str).collect();
        Role::Path.find(columns, names.into_iter()).is_some()
    };
    let (is_coco, mut names) = (Cell::new(false), Vec::new());
    let mut of_image = |image: Object| {
        is_coco.set(is_coco.get() || image.contains_key("id") && has_path(&mut image.keys()));
        Ok(())
    };
    let mut of_annotation = |annotation: Object| {
        is_coco.set(is_coco.get() || annotation.contains_key("image_id"));
        Ok(())
    };
    let members = Members {
        name: &mut |name| names.push(name.to_owned()),
        image: &mut of_image,
        annotation: &mut of_annotation,
    };
    // It ends with an error where the text is cut.
    let _ = serde_json::Deserializer::from_slice(start).deserialize_map(members);
    is_coco.get() && !has_path(&mut names.iter())
}

/// The images of a file, each with its captions in the field `caption`.
pub(crate) struct Coco<'a> {
    path: &'a Path,
    database: Connection,
}

impl<'a> Coco<'a> {
    /// Reads the file at `path` from its `text`.
    pub(crate) fn read(path: &'a Path, text: impl Read) -> Result<Self> {
        let database = temporary_database()?;
        database.execute_batch(TABLES)?;
        let left = Cell::new(LONGEST);
        let fault = Cell::new(None);
        let stored = |stored: rusqlite::Result<usize>| {
            left.set(LONGEST);
            stored.map(drop).map_err(|error| fault.set(Some(error)))
        };
        let mut add_image = database.prepare("INSERT INTO images VALUES (?1, ?2)")?;
        let mut add_caption = database.prepare("INSERT INTO captions VALUES (?1, ?2, ?3)")?;
        let mut number = 0;
        let members = Members {
            // Skipped values take no memory.
            name: &mut |name| left.set(if is_list(name) { LONGEST } else { u64::MAX }),
            image: &mut |image| {
                let id = image.get("id").unwrap_or(&Value::Null).to_string();
                stored(add_image.execute(params![id, Value::Object(image).to_string()]))
            },
            annotation: &mut |annotation: Annotation| {
                number += 1;
                let caption = annotation.caption.as_str();
                let id = annotation.image_id.to_string();
                stored(caption.map_or(Ok(0), |it| add_caption.execute(params![id, number, it])))
            },
        };
        let text = BufReader::new(Bounded { text, left: &left });
        let mut parser = serde_json::Deserializer::from_reader(text);
        let read = parser.deserialize_map(members).and_then(|()| parser.end());
        if let Some(error) = fault.take() {
            return Err(error.into());
        }
        read.map_err(|error| Error::read(path)(error.into()))?;
        drop((add_image, add_caption));
        Ok(Self { path, database })
    }

    /// Calls `take` with the images, numbered from 1, until it returns false. Returns their number.
    pub(crate) fn images(&self, mut take: impl FnMut(u64, Object) -> bool) -> Result<u64> {
        let mut images = self
            .database
            .prepare("SELECT id, image FROM images ORDER BY rowid")?;
        let captions = "SELECT caption FROM captions WHERE id = ?1 ORDER BY number";
        let mut captions = self.database.prepare(captions)?;
        let (mut rows, mut number) = (images.query(())?, 0);
        while let Some(row) = rows.next()? {
            number += 1;
            let (id, image): (String, String) = (row.get(0)?, row.get(1)?);
            let parsed = serde_json::from_str(&image);
            let mut image: Object = parsed.map_err(|error| Error::read(self.path)(error.into()))?;
            let captions = captions.query_map([id], |row| row.get::<_, String>(0))?;
            let captions: Vec<String> = captions.collect::<rusqlite::Result<_>>()?;
            if !captions.is_empty() {
                image.entry("caption").or_insert(captions.into());
            }
            if !take(number, image) {
                break;
            }
        }
        Ok(number)
    }
}

fn is_list(name: &str) -> bool {
    matches!(name, "images" | "annotations")
}

/// Visits the members of the object. The callback for list elements stores its own errors.
struct Members<'a, Of> {
    name: &'a mut dyn FnMut(&str),
    image: &'a mut dyn FnMut(Object) -> Result<(), ()>,
    annotation: &'a mut dyn FnMut(Of) -> Result<(), ()>,
}

impl<'de, Of: Deserialize<'de>> Visitor<'de> for Members<'_, Of> {
    type Value = ();

    fn expecting(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(name) = members.next_key::<String>()? {
            (self.name)(&name);
            match name.as_str() {
                "images" => members.next_value_seed(Elements(&mut *self.image))?,
                "annotations" => members.next_value_seed(Elements(&mut *self.annotation))?,
                _ => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// Visits the elements of a list.
struct Elements<'a, Of>(&'a mut dyn FnMut(Of) -> Result<(), ()>);

impl<'de, Of: Deserialize<'de>> DeserializeSeed<'de> for Elements<'_, Of> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, Of: Deserialize<'de>> Visitor<'de> for Elements<'_, Of> {
    type Value = ();

    fn expecting(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while let Some(element) = elements.next_element()? {
            (self.0)(element).map_err(|()| A::Error::custom("an element was not taken"))?;
        }
        Ok(())
    }
}

/// A reader that stops at a limit until more is allowed, so that no element fills the memory.
struct Bounded<'a, R> {
    text: R,
    left: &'a Cell<u64>,
}

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.left.get();
        if left == 0 {
            let fault = format!("an object is longer than {LONGEST} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidData, fault));
        }
        let count = self.text.read(buffer)?;
        self.left.set(left.saturating_sub(count as u64));
        Ok(count)
    }
}
