//! The metadata of a collection's vectors: what the source said of the picture, and beside it the
//! picture's place and captions, so that another machine can search a shared engine without this
//! catalogue. Where a source uses one of these keys itself, ours wins.

use index::Metadata;
use serde_json::Value;

use crate::record::Record;

/// The picture's place.
const IMAGE: &str = "image";
/// All captions of the picture, on an image vector.
const CAPTIONS: &str = "captions";
/// The caption that was embedded, on a caption vector.
const CAPTION: &str = "caption";
/// The id of the picture's record, on a caption vector.
const RECORD: &str = "record";

/// The metadata of a record's image vector.
pub(crate) fn of_picture(record: &Record) -> Metadata {
    let mut metadata = record.metadata.clone();
    metadata.insert(IMAGE.to_owned(), record.place.clone().into());
    metadata.insert(CAPTIONS.to_owned(), record.captions.clone().into());
    metadata
}

/// The metadata of the vector of one of a record's captions.
pub(crate) fn of_caption(record: &Record, caption: &str) -> Metadata {
    let mut metadata = record.metadata.clone();
    metadata.insert(IMAGE.to_owned(), record.place.clone().into());
    metadata.insert(RECORD.to_owned(), record.id.clone().into());
    metadata.insert(CAPTION.to_owned(), caption.into());
    metadata
}

/// Takes the place and the captions out of an image vector's metadata; what its source said
/// remains.
pub(crate) fn take_picture(metadata: &mut Metadata) -> (String, Vec<String>) {
    let place = match metadata.shift_remove(IMAGE) {
        Some(Value::String(place)) => place,
        _ => String::new(),
    };
    let captions = match metadata.shift_remove(CAPTIONS) {
        Some(Value::Array(captions)) => captions.into_iter().filter_map(text).collect(),
        _ => Vec::new(),
    };
    (place, captions)
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        _ => None,
    }
}
