use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use crate::Address;

/// A picture's metadata in a table: strings, numbers, booleans and lists of strings, the values that an index
/// can filter.
pub type Metadata = serde_json::Map<String, serde_json::Value>;

/// One picture of a source.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The table's id for the picture; unique within one listing.
    pub id: Option<String>,
    /// The picture's location. A file's path is absolute and valid UTF-8, without `.` and `..`; links aren't
    /// resolved.
    pub address: Address,
    /// The source that named it first: an absolute path, or the name of a data set on the Hub.
    pub source: Arc<Path>,
    /// The captions in the order of their rows, without empty ones and duplicates.
    pub captions: Vec<String>,
    /// The table's other columns.
    pub metadata: Metadata,
    /// What each source gave, if the listing has several sources; otherwise empty.
    pub contributions: Vec<Contribution>,
}

/// The part of a record that one of several sources gave.
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
    /// A picture of which only the location is known.
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

    /// The contribution of a source, added if it's missing.
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
