use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::Metric;

/// An index to be created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexSpec {
    /// The name: 1 to 45 characters of `[a-z0-9-]`, no `-` at either end.
    pub name: String,
    /// The dimension of its vectors: 1 to 20,000.
    pub dimension: usize,
    /// How its vectors are compared.
    pub metric: Metric,
}

/// What is kept with an index beside its vectors. Dropping it heeds the protection; the rest is for whoever
/// serves it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct IndexSettings {
    /// Whether it can't be dropped.
    pub deletion_protection: bool,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Where and on what it was asked to run, as JSON: Pinecone's `spec` or `deployment`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment: Option<serde_json::Value>,
    /// The port that it is served at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Namespaces that are there without a vector, too.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub namespaces: BTreeSet<String>,
}

/// An index that exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IndexDescription {
    /// The name.
    pub name: String,
    /// The dimension of its vectors.
    pub dimension: usize,
    /// How its vectors are compared.
    pub metric: Metric,
    /// How many vectors it has in all namespaces.
    pub vector_count: u64,
}

/// What is in an index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IndexStats {
    /// What is in each namespace; the default namespace is `""`.
    pub namespaces: BTreeMap<String, NamespaceStats>,
    /// The dimension of its vectors.
    pub dimension: usize,
    /// How many vectors it has in all namespaces.
    pub total_vector_count: u64,
    /// How its vectors are compared.
    pub metric: Metric,
}

/// What is in a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceStats {
    /// How many vectors it has.
    pub vector_count: u64,
}
