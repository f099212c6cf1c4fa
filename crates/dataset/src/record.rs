use std::collections::BTreeSet;
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
    /// Which source gave what of this, where the listing has several sources; otherwise empty.
    pub contributions: Vec<Contribution>,
}

/// What one of several sources gave of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contribution {
    /// The source.
    pub source: Arc<Path>,
    /// Whether it gave the id.
    pub id: bool,
    /// Whether it gave captions.
    pub captions: bool,
    /// The names of the metadata that it gave.
    pub metadata: BTreeSet<String>,
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
            contributions: Vec::new(),
        }
    }

    /// What a source gave, which is added if it is not there yet.
    pub(crate) fn contribution(&mut self, source: &Arc<Path>) -> &mut Contribution {
        let known = self
            .contributions
            .iter()
            .position(|it| it.source == *source);
        let at = known.unwrap_or_else(|| {
            self.contributions.push(Contribution {
                source: Arc::clone(source),
                id: false,
                captions: false,
                metadata: BTreeSet::new(),
            });
            self.contributions.len() - 1
        });
        &mut self.contributions[at]
    }
}
