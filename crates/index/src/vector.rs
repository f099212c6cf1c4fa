use serde::{Deserialize, Serialize};

use crate::limits::{check_id, checked_metadata};
use crate::{Filter, Result, SparseValues, unique_keys};

/// A vector's metadata: strings, numbers, booleans and lists of strings.
pub type Metadata = serde_json::Map<String, serde_json::Value>;

/// A vector as it is stored and fetched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", try_from = "Line")]
pub struct Vector {
    /// The id, unique in its namespace: 1 to 512 characters.
    pub id: String,
    /// The values, as many as the index has dimensions; empty if its vectors are sparse.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<f32>,
    /// The values of a sparse vector. A dense vector of a `dotproduct` index may have them too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sparse_values: Option<SparseValues>,
    /// The metadata, at most 40 KB of JSON.
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
}

/// A vector as written, with dense or sparse values.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    id: String,
    values: Option<Vec<f32>>,
    #[serde(alias = "sparse_values")]
    sparse_values: Option<SparseValues>,
    #[serde(default, deserialize_with = "unique_keys::metadata")]
    metadata: Option<Metadata>,
}

impl TryFrom<Line> for Vector {
    type Error = &'static str;

    fn try_from(line: Line) -> Result<Self, Self::Error> {
        if line.values.is_none() && line.sparse_values.is_none() {
            return Err("missing field `values`");
        }
        Ok(Self {
            id: line.id,
            values: line.values.unwrap_or_default(),
            sparse_values: line.sparse_values,
            metadata: line.metadata.unwrap_or_default(),
        })
    }
}

impl Vector {
    /// Checks the parts that don't depend on an index: the id and the metadata. So invalid vectors can be
    /// left out of a large upsert beforehand.
    ///
    /// # Errors
    /// `InvalidId`, `InvalidMetadata`, `InvalidMetadataKey` or `MetadataTooLarge`.
    pub fn check(id: &str, metadata: &Metadata) -> Result<()> {
        check_id(id)?;
        checked_metadata(id, metadata).map(drop)
    }
}

/// A change to one vector.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Update {
    /// New values.
    pub values: Option<Vec<f32>>,
    /// New sparse values.
    pub sparse_values: Option<SparseValues>,
    /// Metadata keys to set; other keys stay.
    pub metadata: Option<Metadata>,
}

/// The vectors to delete.
#[derive(Debug, Clone)]
pub enum Selection {
    /// Those with these ids. Missing ids are ignored.
    Ids(Vec<String>),
    /// Those that match the filter.
    Filter(Filter),
    /// All in the namespace.
    All,
}
