use std::path::PathBuf;

use crate::{Address, Problem};

/// What a table says about a picture besides its captions: strings, numbers, booleans and lists of
/// strings, the values an index can filter on.
pub type Metadata = serde_json::Map<String, serde_json::Value>;

/// One picture of a source.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// What the table calls the picture; unique within one listing.
    pub id: Option<String>,
    /// Where it is. A file's path is absolute, without `.` and `..`, symbolic links left as they are,
    /// valid UTF-8.
    pub place: Address,
    /// The captions in the order of their rows, none empty, none twice.
    pub captions: Vec<String>,
    /// The table's other columns.
    pub metadata: Metadata,
}

impl Record {
    /// A picture of which no more is known than where it is.
    pub(crate) fn at(place: Address) -> Self {
        Self {
            id: None,
            place,
            captions: Vec::new(),
            metadata: Metadata::new(),
        }
    }
}

/// Everything a source held.
#[derive(Debug, Default)]
pub struct Listing {
    /// The pictures: a folder's in the order of their paths, a table's in the order of their first rows.
    pub records: Vec<Record>,
    /// The files and rows that could not become a record.
    pub problems: Vec<Problem>,
    /// The folder that was read with all below it: absolute, like the places.
    pub folder: Option<PathBuf>,
}
