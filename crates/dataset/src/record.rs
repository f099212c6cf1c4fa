use std::path::Path;
use std::sync::Arc;

use crate::Address;

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
    pub address: Address,
    /// The source that named it first: an absolute path, or the name of a dataset of the hub.
    pub source: Arc<Path>,
    /// The captions in the order of their rows, none empty, none twice.
    pub captions: Vec<String>,
    /// The table's other columns.
    pub metadata: Metadata,
}

impl Record {
    /// A picture of which no more is known than where it is.
    pub(crate) fn at(address: Address, source: Arc<Path>) -> Self {
        Self {
            id: None,
            address,
            source,
            captions: Vec::new(),
            metadata: Metadata::new(),
        }
    }
}
