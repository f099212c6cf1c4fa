//! Requests and responses of Pinecone's data plane as JSON, for servers and clients
//! (<https://github.com/pinecone-io/pinecone-api>; versions 2024-07 to 2026-07 agree here).

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

pub use crate::SparseValues;
use crate::{Filter, Metadata, Metric, Vector, unique_keys};

/// The default namespace's name where one is required, instead of `""`.
pub const DEFAULT_NAMESPACE: &str = "__default__";

/// The maximum number of vectors in an upsert, and of ids in a fetch or deletion.
pub const BATCH_LIMIT: usize = 1000;

/// The maximum size of an upsert, in bytes as [`UpsertRequest::binary_size`] counts them.
pub const UPSERT_LIMIT: usize = 2 << 20;

/// The maximum number of ids in a [`ListResponse`].
pub const PAGE_LIMIT: usize = 100;

/// Deserialises a value for which `null` means the default.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// `POST /vectors/upsert`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UpsertRequest {
    /// At most [`BATCH_LIMIT`].
    pub vectors: Vec<WireVector>,
    /// The namespace.
    #[serde(default, deserialize_with = "or_default")]
    pub namespace: String,
}

impl UpsertRequest {
    /// The size of the vectors in binary form, regardless of the digits in JSON: four bytes for each value
    /// and each sparse index, eight for each number in the metadata, and all text.
    pub fn binary_size(&self) -> usize {
        self.vectors.iter().map(WireVector::binary_size).sum()
    }
}

impl WireVector {
    fn binary_size(&self) -> usize {
        let sparse = self
            .sparse_values
            .as_ref()
            .map_or(0, |sparse| 4 * (sparse.indices.len() + sparse.values.len()));
        let metadata = self.metadata.as_ref().map_or(0, metadata_size);
        self.id.len() + 4 * self.values.len() + sparse + metadata
    }
}

fn metadata_size(metadata: &Metadata) -> usize {
    let entries = metadata.iter();
    entries
        .map(|(key, value)| key.len() + value_size(value))
        .sum()
}

fn value_size(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 1,
        Value::Number(_) => 8,
        Value::String(text) => text.len(),
        Value::Array(members) => members.iter().map(value_size).sum(),
        Value::Object(entries) => metadata_size(entries),
    }
}

impl From<Vector> for WireVector {
    fn from(vector: Vector) -> Self {
        Self {
            id: vector.id,
            values: vector.values,
            sparse_values: vector.sparse_values,
            metadata: (!vector.metadata.is_empty()).then_some(vector.metadata),
        }
    }
}

impl From<WireVector> for Vector {
    fn from(vector: WireVector) -> Self {
        Self {
            id: vector.id,
            values: vector.values,
            sparse_values: vector.sparse_values,
            metadata: vector.metadata.unwrap_or_default(),
        }
    }
}

/// A vector, dense, sparse or both.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WireVector {
    /// The id.
    pub id: String,
    /// The values.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "or_default"
    )]
    pub values: Vec<f32>,
    /// The nonzero values of a sparse vector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(alias = "sparse_values")]
    pub sparse_values: Option<SparseValues>,
    /// The metadata.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "unique_keys::metadata"
    )]
    pub metadata: Option<Metadata>,
}

/// The response to an upsert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpsertResponse {
    /// The number of vectors written.
    pub upserted_count: usize,
}

/// `POST /query`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueryRequest {
    /// The namespace.
    #[serde(default, deserialize_with = "or_default")]
    pub namespace: String,
    /// The maximum number of matches.
    #[serde(alias = "top_k")]
    pub top_k: usize,
    /// The filter on vectors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<Filter>,
    /// Whether matches include their values.
    #[serde(default, alias = "include_values", deserialize_with = "or_default")]
    pub include_values: bool,
    /// Whether matches include their metadata.
    #[serde(default, alias = "include_metadata", deserialize_with = "or_default")]
    pub include_metadata: bool,
    /// The vector to search by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vector: Option<Vec<f32>>,
    /// The sparse vector to search by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(alias = "sparse_vector")]
    pub sparse_vector: Option<SparseValues>,
    /// The id of a stored vector to search by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// The response to a query.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QueryResponse {
    /// The matches, best first.
    pub matches: Vec<ScoredVector>,
    /// The namespace.
    #[serde(default, deserialize_with = "or_default")]
    pub namespace: String,
    /// The cost of the request.
    #[serde(default, deserialize_with = "or_default")]
    pub usage: Usage,
}

/// A vector that a query found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScoredVector {
    /// The id.
    pub id: String,
    /// The score by the index's metric.
    #[serde(default, deserialize_with = "or_default")]
    pub score: f32,
    /// The values, if requested.
    #[serde(default, deserialize_with = "or_default")]
    pub values: Vec<f32>,
    /// The sparse values, if requested and present.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(alias = "sparse_values")]
    pub sparse_values: Option<SparseValues>,
    /// The metadata, if requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
}

/// The cost of a request in Pinecone's read units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Usage {
    /// The units.
    pub read_units: u32,
}

/// The response to `GET /vectors/fetch` and `POST /vectors/fetch_by_metadata`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FetchResponse {
    /// The vectors by their ids.
    #[serde(serialize_with = "with_values")]
    pub vectors: BTreeMap<String, WireVector>,
    /// The namespace.
    #[serde(default, deserialize_with = "or_default")]
    pub namespace: String,
    /// The cost of the request.
    #[serde(default, deserialize_with = "or_default")]
    pub usage: Usage,
    /// The token of the next page, if there may be more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pagination: Option<Pagination>,
}

/// Writes vectors with their `values` even if empty: Python's client 7 always reads them.
fn with_values<S: Serializer>(
    vectors: &BTreeMap<String, WireVector>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct WithValues<'a> {
        id: &'a str,
        values: &'a [f32],
        #[serde(skip_serializing_if = "Option::is_none")]
        sparse_values: Option<&'a SparseValues>,
        #[serde(skip_serializing_if = "Option::is_none")]
        metadata: Option<&'a Metadata>,
    }
    let vectors = vectors.iter().map(|(id, vector)| {
        let vector = WithValues {
            id: &vector.id,
            values: &vector.values,
            sparse_values: vector.sparse_values.as_ref(),
            metadata: vector.metadata.as_ref(),
        };
        (id, vector)
    });
    serializer.collect_map(vectors)
}

/// `POST /vectors/fetch_by_metadata`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FetchByMetadataRequest {
    /// The namespace.
    #[serde(default, deserialize_with = "or_default")]
    pub namespace: String,
    /// The filter on vectors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<Filter>,
    /// The maximum number of vectors; by default [`PAGE_LIMIT`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// The token of the page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(alias = "pagination_token")]
    pub pagination_token: Option<String>,
}

/// The token of the next page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pagination {
    /// The token.
    pub next: String,
}

/// The response to `GET /vectors/list`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListResponse {
    /// The ids.
    pub vectors: Vec<ListItem>,
    /// The token of the next page, if there may be more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pagination: Option<Pagination>,
    /// The namespace.
    #[serde(default, deserialize_with = "or_default")]
    pub namespace: String,
    /// The cost of the request.
    #[serde(default, deserialize_with = "or_default")]
    pub usage: Usage,
}

/// An id in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListItem {
    /// The id.
    pub id: String,
}

/// `POST /vectors/update`: one vector by its id, or the metadata of all vectors that match a filter.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UpdateRequest {
    /// The vector's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// New values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<f32>>,
    /// New sparse values.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(alias = "sparse_values")]
    pub sparse_values: Option<SparseValues>,
    /// Keys to set.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "unique_keys::metadata"
    )]
    #[serde(alias = "set_metadata")]
    pub set_metadata: Option<Metadata>,
    /// The namespace.
    #[serde(deserialize_with = "or_default")]
    pub namespace: String,
    /// The filter on vectors, instead of an id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<Filter>,
    /// Whether only to count the matching vectors.
    #[serde(alias = "dry_run", deserialize_with = "or_default")]
    pub dry_run: bool,
}

/// The response to an update.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateResponse {
    /// The number of matching vectors, if there was a filter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matched_records: Option<usize>,
}

/// `POST /vectors/delete`: by ids, by a filter, or all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DeleteRequest {
    /// The ids to delete.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "or_default")]
    pub ids: Vec<String>,
    /// Whether to delete the whole namespace.
    #[serde(alias = "delete_all", deserialize_with = "or_default")]
    pub delete_all: bool,
    /// The namespace.
    #[serde(deserialize_with = "or_default")]
    pub namespace: String,
    /// The filter on vectors to delete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<Filter>,
}

/// `POST /describe_index_stats`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StatsRequest {
    /// Count only vectors that match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<Filter>,
}

/// The contents of an index.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatsResponse {
    /// The contents of each namespace.
    pub namespaces: BTreeMap<String, NamespaceSummary>,
    /// The dimension of its vectors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dimension: Option<usize>,
    /// How full the index is; 0 if it grows.
    #[serde(default, deserialize_with = "or_default")]
    pub index_fullness: f32,
    /// The number of vectors.
    pub total_vector_count: u64,
    /// The metric of its vectors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<Metric>,
    /// `dense` or `sparse`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vector_type: Option<String>,
}

/// The contents of a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceSummary {
    /// The number of vectors.
    pub vector_count: u64,
}

/// The response to `GET /indexes`.
#[derive(Clone, Debug, Deserialize)]
pub struct IndexList {
    /// The indexes.
    #[serde(default, deserialize_with = "or_default")]
    pub indexes: Vec<IndexModel>,
}

/// An index as in `GET /indexes/{name}`, up to version 2026-04.
#[derive(Clone, Debug, Deserialize)]
pub struct IndexModel {
    /// The name.
    pub name: String,
    /// The dimension of its vectors, unless they are sparse.
    #[serde(default)]
    pub dimension: Option<usize>,
    /// `dense` or `sparse`.
    #[serde(default)]
    pub vector_type: Option<String>,
    /// The metric of its vectors.
    pub metric: Metric,
    /// The host of its data plane.
    #[serde(default, deserialize_with = "or_default")]
    pub host: String,
    /// Its deployment, as a `spec`.
    #[serde(default, deserialize_with = "or_default")]
    pub spec: Value,
    /// Its status.
    pub status: IndexStatus,
    /// Its deletion protection.
    #[serde(default, deserialize_with = "or_default")]
    pub deletion_protection: DeletionProtection,
    /// Its tags.
    #[serde(default)]
    pub tags: Option<BTreeMap<String, String>>,
}

/// The status of an index.
#[derive(Clone, Debug, Deserialize)]
pub struct IndexStatus {
    /// Whether it's ready.
    pub ready: bool,
    /// Its state in words.
    #[serde(default, deserialize_with = "or_default")]
    pub state: String,
}

/// The deletion protection of an index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeletionProtection {
    /// The index can't be deleted.
    Enabled,
    /// The index can be deleted.
    #[default]
    Disabled,
}

impl From<bool> for DeletionProtection {
    fn from(enabled: bool) -> Self {
        if enabled {
            Self::Enabled
        } else {
            Self::Disabled
        }
    }
}

/// A line of `POST /records/namespaces/{namespace}/upsert`: a record as one object.
#[derive(Clone, Debug, PartialEq)]
pub struct Record(pub Metadata);

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let record = unique_keys::metadata(deserializer)?;
        record
            .map(Self)
            .ok_or_else(|| serde::de::Error::custom("the record is not an object"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn null_is_unset() {
        #[track_caller]
        fn case<'de, T: Deserialize<'de> + PartialEq + std::fmt::Debug>(
            nulls: &'de str,
            unset: &'de str,
        ) {
            let read = |text| serde_json::from_str::<T>(text).unwrap();
            assert_eq!(read(nulls), read(unset));
        }
        case::<UpsertRequest>(
            r#"{"vectors": [{"id": "a", "values": null, "sparseValues": null, "metadata": null}],
                "namespace": null}"#,
            r#"{"vectors": [{"id": "a"}]}"#,
        );
        case::<QueryRequest>(
            r#"{"topK": 1, "namespace": null, "filter": null, "includeValues": null,
                "includeMetadata": null, "vector": null, "sparseVector": null, "id": null}"#,
            r#"{"topK": 1}"#,
        );
        case::<FetchByMetadataRequest>(
            r#"{"namespace": null, "filter": null, "limit": null, "paginationToken": null}"#,
            "{}",
        );
        case::<UpdateRequest>(
            r#"{"id": null, "values": null, "sparseValues": null, "setMetadata": null, "namespace": null,
                "filter": null, "dryRun": null}"#,
            "{}",
        );
        case::<DeleteRequest>(
            r#"{"ids": null, "deleteAll": null, "namespace": null, "filter": null}"#,
            "{}",
        );
        case::<StatsRequest>(r#"{"filter": null}"#, "{}");
    }

    #[test]
    fn what_is_fetched_has_values_even_if_it_is_sparse() {
        let sparse = json!({"id": "a", "sparseValues": {"indices": [1], "values": [0.5]}});
        let fetched = json!({"vectors": {"a": sparse}});
        let fetched: FetchResponse = serde_json::from_value(fetched).unwrap();
        let mut expected = sparse;
        expected["values"] = json!([]);
        let written = serde_json::to_value(&fetched).unwrap();
        assert_eq!(written["vectors"], json!({"a": expected}));
        assert_eq!(
            serde_json::from_value::<FetchResponse>(written).unwrap(),
            fetched
        );
    }

    #[test]
    fn digits_do_not_count() {
        let size = |vector: Value| {
            let request = json!({"vectors": [vector]});
            let request: UpsertRequest = serde_json::from_value(request).unwrap();
            request.binary_size()
        };
        assert_eq!(
            size(json!({"id": "ab", "values": [0.12345678901234567, 1]})),
            10
        );
        let sparse = json!({"indices": [1, 2], "values": [0.5, 0.25]});
        assert_eq!(size(json!({"id": "ab", "sparseValues": sparse})), 18);
        let metadata = json!({"key": ["a", "bc"], "n": 1.5, "b": true});
        assert_eq!(
            size(json!({"id": "ab", "metadata": metadata})),
            2 + 6 + 9 + 2
        );
    }
}
