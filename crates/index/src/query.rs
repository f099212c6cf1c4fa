use serde::{Deserialize, Serialize};

use crate::{Filter, Metadata, SparseValues};

/// A search for the nearest vectors.
///
/// In JSON as Pinecone's: `{"vector": […], "topK": 10, "filter": {…}}`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Query {
    /// The vector to search by.
    #[serde(flatten)]
    pub by: QueryBy,
    /// Sparse values to search by, in addition to or instead of dense ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sparse_vector: Option<SparseValues>,
    /// The maximum number of matches: 1 to 10,000.
    pub top_k: usize,
    /// The filter on vectors; all of the namespace by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<Filter>,
    /// Whether matches include their values.
    #[serde(default)]
    pub include_values: bool,
    /// Whether matches include their metadata.
    #[serde(default)]
    pub include_metadata: bool,
}

impl Query {
    /// A query by `by` for `top_k` matches, without filter, values and metadata.
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

/// The vector that a query searches by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum QueryBy {
    /// A vector; empty to search only by sparse values.
    #[serde(rename = "vector")]
    Values(Vec<f32>),
    /// The stored vector with this id, which is among the matches.
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
    /// The values, if requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<f32>>,
    /// The sparse values, if requested and present.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sparse_values: Option<SparseValues>,
    /// The metadata, if requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
}
