//! The metadata of a collection's vectors: what the file and its source said of the picture, and beside
//! it the picture's place and captions, so that another machine can search a shared engine without this
//! catalogue. Where a source uses one of these keys itself, ours wins.

use std::path::Path;

use index::Metadata;
use serde_json::Value;

use crate::keys::{CAPTION, CAPTIONS, FILE, FOLDERS, IMAGE, RECORD};
use crate::record::Record;

/// Bytes that the names of folders may take: engines bound the metadata of a vector.
const FOLDERS_ROOM: usize = 8 << 10;

/// Whether a source's own value of this key is left out, as the name is taken.
pub fn is_taken(key: &str) -> bool {
    [IMAGE, CAPTIONS, FOLDERS].contains(&key)
}

/// The metadata of a record's image vector.
pub(crate) fn of_picture(record: &Record) -> Metadata {
    let mut metadata = of_record(record);
    metadata.insert(CAPTIONS.to_owned(), record.captions.clone().into());
    metadata
}

/// The metadata of the vector of one of a record's captions.
pub(crate) fn of_caption(record: &Record, caption: &str) -> Metadata {
    let mut metadata = of_record(record);
    metadata.insert(RECORD.to_owned(), record.id.clone().into());
    metadata.insert(CAPTION.to_owned(), caption.into());
    metadata
}

/// What the file says of itself, what its source says of it, which counts more, and its place.
fn of_record(record: &Record) -> Metadata {
    let mut metadata = record.facts.clone();
    metadata.extend(record.metadata.clone());
    match &record.file {
        Some(file) => metadata.insert(FILE.to_owned(), file.clone().into()),
        None => metadata.insert(FOLDERS.to_owned(), folders(&record.place).into()),
    };
    metadata.insert(IMAGE.to_owned(), record.place.clone().into());
    metadata
}

/// The folders above a place, the innermost first, as far as there is room for their names.
fn folders(place: &str) -> Vec<String> {
    let mut room = FOLDERS_ROOM;
    Path::new(place)
        .ancestors()
        .skip(1)
        .filter_map(Path::to_str)
        .take_while(|folder| {
            let fits = folder.len() <= room;
            room = room.saturating_sub(folder.len());
            fits && !folder.is_empty()
        })
        .map(str::to_owned)
        .collect()
}

/// The place of the picture that a vector's metadata are of.
pub(crate) fn place(metadata: &Metadata) -> Option<&str> {
    metadata.get(IMAGE)?.as_str()
}

/// What an image vector's metadata say of its picture.
#[derive(Default)]
pub(crate) struct Said {
    pub(crate) place: String,
    pub(crate) file: Option<String>,
    pub(crate) captions: Vec<String>,
}

/// Takes that out of an image vector's metadata; what its source said remains.
pub(crate) fn take_picture(metadata: &mut Metadata) -> Said {
    let place = metadata.shift_remove(IMAGE).and_then(text);
    // A picture that is a file itself may have a `file` from its source.
    let is_fetched = metadata.shift_remove(FOLDERS).is_none();
    let file = match is_fetched {
        true => metadata.shift_remove(FILE).and_then(text),
        false => None,
    };
    let captions = match metadata.shift_remove(CAPTIONS) {
        Some(Value::Array(captions)) => captions.into_iter().filter_map(text).collect(),
        _ => Vec::new(),
    };
    Said {
        place: place.unwrap_or_default(),
        file,
        captions,
    }
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        _ => None,
    }
}
