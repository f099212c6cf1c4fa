//! Reads JSON tables: one object per line, an array of objects, or COCO's annotations.
//!
//! Each object has its own columns, so each finds its own path, caption and id. A caption is a string or a
//! list of strings. Metadata are strings, numbers, booleans and lists of strings; `null`, objects, and other
//! or empty lists are left out. In an array, a string is a URL or path.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use serde_json::{Map, Value};

use crate::coco::{self, Coco};
use crate::columns::{Columns, Role, Roles};
use crate::json_array::{self, Elements};
use crate::json_object::{self, Parsed};
use crate::row::{LONGEST, Row, Take};
use crate::text_stream::TextStream;
use crate::{Error, ProblemReason, Result, encoding, value};

/// Calls `take` with the rows of the table at `path`.
pub(crate) fn read(path: &Path, columns: &Columns, take: &mut Take<'_>) -> Result<()> {
    let mut text = TextStream::open(path)?;
    encoding::begin(&mut text)?;
    let mut objects = Objects::new(columns);
    let is_whole = if json_array::is_meant(text.start()) {
        objects.takes_texts = true;
        read_array(path, text, &mut objects, take)?
    } else if coco::is_meant(text.start(), columns) {
        read_coco(path, text, &mut objects, take)?
    } else {
        if is_spread(text.start()) {
            return Err(one_object(path, text.start()));
        }
        read_lines(path, text, &mut objects, take)?
    };
    if is_whole {
        objects.require_columns(path)
    } else {
        Ok(())
    }
}

/// Returns whether all rows were taken.
fn read_array(
    path: &Path,
    text: TextStream,
    objects: &mut Objects<'_>,
    take: &mut Take<'_>,
) -> Result<bool> {
    let mut elements = Elements::new(BufReader::new(text));
    let mut bytes = Vec::new();
    for number in 1_u64.. {
        let Some(element) = elements.next(&mut bytes).map_err(Error::read(path))? else {
            break;
        };
        let row = element.and_then(|()| objects.row(&bytes));
        if take(number, row).is_break() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Returns whether all rows were taken.
fn read_coco(
    path: &Path,
    text: TextStream,
    objects: &mut Objects<'_>,
    take: &mut Take<'_>,
) -> Result<bool> {
    let start = text.start().to_owned();
    let mut is_whole = true;
    let count = Coco::read(path, text)?.images(|number, image| {
        is_whole = take(number, Ok(objects.row_of(image))).is_continue();
        is_whole
    })?;
    match count {
        0 => Err(one_object(path, &start)),
        _ => Ok(is_whole),
    }
}

/// Returns whether all rows were taken.
fn read_lines(
    path: &Path,
    text: TextStream,
    objects: &mut Objects<'_>,
    take: &mut Take<'_>,
) -> Result<bool> {
    let keys = json_object::keys(text.start());
    let (mut text, mut bytes) = (BufReader::new(text), Vec::new());
    let mut has_long = false;
    for line in 1_u64.. {
        bytes.clear();
        let is_whole = read_line(&mut text, &mut bytes).map_err(Error::read(path))?;
        if bytes.is_empty() {
            break;
        }
        if is_whole && bytes.trim_ascii().is_empty() {
            continue;
        }
        let row = if is_whole {
            objects.row(encoding::without_mark(&bytes))
        } else {
            Err(ProblemReason::LineTooLong { limit: LONGEST })
        };
        has_long |= !is_whole;
        if take(line, row).is_break() {
            return Ok(false);
        }
    }
    let is_alone = objects.count == usize::from(!has_long);
    if is_alone && (has_long || objects.is_nested) {
        Err(Error::OneObject {
            path: path.to_owned(),
            keys,
        })
    } else {
        Ok(true)
    }
}

/// Whether a text begins with an object spread over several lines, so that no line is a row.
fn is_spread(start: &[u8]) -> bool {
    let start = start.trim_ascii_start();
    let mut lines = start.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
    let first = lines.next().unwrap_or_default();
    let next = lines.find(|line| !line.is_empty()).unwrap_or_default();
    first == b"{" && next.starts_with(b"\"")
}

fn one_object(path: &Path, start: &[u8]) -> Error {
    Error::OneObject {
        path: path.to_owned(),
        keys: json_object::keys(start),
    }
}

/// Reads the next line. Returns false, and skips the rest, if it exceeds the limit.
fn read_line(file: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    file.take(LONGEST).read_until(b'\n', line)?;
    if line.len() as u64 == LONGEST && !line.ends_with(b"\n") {
        file.skip_until(b'\n')?;
        return Ok(false);
    }
    Ok(true)
}

/// The objects of a table, and what they tell about its columns.
struct Objects<'a> {
    columns: &'a Columns,
    /// The columns of the latest object, and their roles.
    names: Vec<String>,
    roles: Roles,
    /// The columns of all objects.
    all_names: Vec<String>,
    /// The roles for which some object has a column.
    found: Vec<Role>,
    /// The number of objects.
    count: usize,
    /// Whether the first object contains only objects and lists of objects, so that the file isn't a table.
    is_nested: bool,
    /// Whether a string alone is a row.
    takes_texts: bool,
}

impl<'a> Objects<'a> {
    fn new(columns: &'a Columns) -> Self {
        Self {
            columns,
            names: Vec::new(),
            roles: Roles::default(),
            all_names: Vec::new(),
            found: Vec::new(),
            count: 0,
            is_nested: false,
            takes_texts: false,
        }
    }

    fn row(&mut self, line: &[u8]) -> Result<Row, ProblemReason> {
        let object = match Parsed::of(line.trim_ascii_end())? {
            Parsed::Object(object) => object,
            Parsed::Text(path) if self.takes_texts => {
                return Ok(Row {
                    path,
                    ..Row::default()
                });
            }
            Parsed::Repeated(key) => return Err(ProblemReason::RepeatedKey { key }),
            Parsed::Text(_) | Parsed::Other => return Err(ProblemReason::NotAnObject),
        };
        self.is_nested |= self.count == 0 && is_nested(&object);
        self.count += 1;
        Ok(self.row_of(object))
    }

    fn row_of(&mut self, object: Map<String, Value>) -> Row {
        let roles = self.roles(&object);
        let mut row = Row::default();
        for (index, (name, value)) in object.into_iter().enumerate() {
            if roles.has(index) {
                row.set(&roles, index, value);
            } else if value::is_unfit(&value) {
                row.left_out.push(name);
            } else if let Some(value) = value::for_metadata(value) {
                row.metadata.insert(name, value);
            }
        }
        row
    }

    /// The roles of the columns of `object`. Most objects have the columns of the one before.
    fn roles(&mut self, object: &Map<String, Value>) -> Roles {
        if !object.keys().eq(&self.names) {
            self.names = object.keys().cloned().collect();
            self.remember_names();
            self.roles = Roles {
                path: self.find(Role::Path),
                caption: self.find(Role::Caption),
                id: self.find(Role::Id),
            };
        }
        self.roles
    }

    fn find(&mut self, role: Role) -> Option<usize> {
        let index = role.find(self.columns, self.names.iter().map(String::as_str));
        if index.is_some() && !self.found.contains(&role) {
            self.found.push(role);
        }
        index
    }

    /// Remembers column names for the error that one is missing.
    fn remember_names(&mut self) {
        const ENOUGH: usize = 100;
        for name in &self.names {
            if self.all_names.len() < ENOUGH && !self.all_names.contains(name) {
                self.all_names.push(name.clone());
            }
        }
    }

    /// Fails if objects were read and none had a required column.
    fn require_columns(&self, path: &Path) -> Result<()> {
        for role in [Role::Path, Role::Caption, Role::Id] {
            if !self.found.contains(&role) && !self.all_names.is_empty() {
                role.missing(self.columns, path, &self.all_names)?;
            }
        }
        Ok(())
    }
}

/// Whether an object has lists of objects and objects by name, as COCO's annotations, or only objects, as
/// pandas writes columns.
fn is_nested(object: &Map<String, Value>) -> bool {
    let is_list = |value: &Value| {
        let first = value.as_array().and_then(|values| values.first());
        first.is_some_and(Value::is_object)
    };
    let is_column = |value: &Value| value.is_object() || value.is_array();
    object.values().any(is_list)
        && Role::Path
            .find(&Columns::default(), object.keys().map(String::as_str))
            .is_none()
        || !object.is_empty() && object.values().all(is_column)
}
