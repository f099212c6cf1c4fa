use serde::{Deserialize, Serialize};

use crate::limits::{check_id, checked_metadata};
use crate::{Filter, Result, SparseValues, unique};

/// What is known of a vector beside its values: strings, numbers, booleans and lists of strings.
pub type Metadata = serde_json::Map<String, serde_json::Value>;

/// A vector as it is stored and fetched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", try_from = "Line")]
pub struct Vector {
    /// The id, unique in its namespace: 1 to 512 characters.
    pub id: String,
    /// The values, as many as the index has dimensions: none if its vectors are sparse.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<f32>,
    /// The values of a sparse vector, which a dense one may have beside it if the index compares by dot product.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sparse_values: Option<SparseValues>,
    /// The metadata, at most 40 KB of JSON.
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
}

/// A vector as it is written, with values of one kind or the other.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    id: String,
    values: Option<Vec<f32>>,
    #[serde(alias = "sparse_values")]
    sparse_values: Option<SparseValues>,
    #[serde(default, deserialize_with = "unique::metadata")]
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
    /// Checks what does not depend on the index: that the id and the metadata are ones that every
    /// engine takes. An upsert of many can so be cleared of bad ones before it is made.
    pub fn check(id: &str, metadata: &Metadata) -> Result<()> {
        check_id(id)?;
        checked_metadata(id, metadata).map(drop)
    }
}

/// A change to one vector.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Update {
    /// New values instead of the old ones.
    pub values: Option<Vec<f32>>,
    /// New sparse values instead of the old ones.
    pub sparse_values: Option<SparseValues>,
    /// Keys to set; the keys not named here stay.
    pub metadata: Option<Metadata>,
}

/// Which vectors to delete.
#[derive(Debug, Clone)]
pub enum Selection {
    /// Those with these ids; ids that do not exist are passed over.
    Ids(Vec<String>),
    /// Those whose metadata the filter matches.
    Filter(Filter),
    /// All in the namespace.
    All,
}
