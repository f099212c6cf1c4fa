use serde::{Deserialize, Serialize};

use crate::{Filter, Metadata, SparseValues};

/// A search for the vectors nearest to one.
///
/// On the wire it is Pinecone's: `{"vector": […], "topK": 10, "filter": {…}}`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Query {
    /// What to search by.
    #[serde(flatten)]
    pub by: QueryBy,
    /// The sparse values to search by, beside or instead of the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sparse_vector: Option<SparseValues>,
    /// How many matches at most: 1 to 10,000.
    pub top_k: usize,
    /// Which vectors to search among; all of the namespace by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<Filter>,
    /// Whether matches carry their values.
    #[serde(default)]
    pub include_values: bool,
    /// Whether matches carry their metadata.
    #[serde(default)]
    pub include_metadata: bool,
}

impl Query {
    /// A search by `by` for `top_k` matches: unfiltered, ids and scores alone.
    pub fn new(by: QueryBy, top_k: usize) -> Self {
        Self {
            by,
            sparse_vector: None,
            top_k,
            filter: None,
            include_values: false,
            include_metadata: false,
        }
    }
}

/// What a query searches by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum QueryBy {
    /// A vector; empty to search by sparse values alone.
    #[serde(rename = "vector")]
    Values(Vec<f32>),
    /// The stored vector of this id, which is among the matches too.
    #[serde(rename = "id")]
    Id(String),
}

/// A vector that a query found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Match {
    /// The vector's id.
    pub id: String,
    /// The score by the index's metric.
    pub score: f32,
    /// The values, if asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<f32>>,
    /// The sparse values, if asked for and there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sparse_values: Option<SparseValues>,
    /// The metadata, if asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
}
