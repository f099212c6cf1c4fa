use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::limits::{check_dimension, check_index_name};
use crate::{Deployment, Error, Metric, Result};

/// An index to create.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexSpec {
    /// The name: 1 to 45 characters of `[a-z0-9-]`, no `-` at either end.
    pub name: String,
    /// The dimension of its vectors: 1 to 20,000; 0 for an index of sparse vectors.
    pub dimension: usize,
    /// The metric of its vectors.
    pub metric: Metric,
}

impl IndexSpec {
    /// Checks the limits that all engines share.
    pub(crate) fn check(&self) -> Result<()> {
        check_index_name(&self.name)?;
        match (self.dimension, self.metric) {
            (0, Metric::Dotproduct) => Ok(()),
            (0, got) => Err(Error::SparseMetric { got }),
            (dimension, _) => check_dimension(dimension),
        }
    }
}

/// The settings of an index. Engines honour the deletion protection; the others are for the server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct IndexSettings {
    /// Whether the index is protected from deletion.
    pub deletion_protection: bool,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// The requested deployment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment: Option<Deployment>,
    /// The port at which it is served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Whether sparse vectors were requested beside dense ones. Every `dotproduct` index accepts them.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_hybrid: bool,
    /// Namespaces that exist even without vectors.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub namespaces: BTreeSet<String>,
}

/// An index that exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IndexDescription {
    /// The name.
    pub name: String,
    /// The dimension of its vectors; 0, which JSON leaves out, if they are sparse.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dimension: usize,
    /// The metric of its vectors.
    pub metric: Metric,
    /// The number of vectors in all namespaces, if the engine knows it without counting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vector_count: Option<u64>,
    /// The host that serves it, if it's remote.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Its state, if creation takes time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
}

/// The contents of an index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IndexStats {
    /// The contents of each namespace; the default namespace is `""`.
    pub namespaces: BTreeMap<String, NamespaceStats>,
    /// The dimension of its vectors; 0, which JSON leaves out, if they are sparse.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dimension: usize,
    /// The number of vectors in all namespaces.
    pub total_vector_count: u64,
    /// The metric of its vectors.
    pub metric: Metric,
}

/// The contents of a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceStats {
    /// The number of vectors.
    pub vector_count: u64,
}

fn is_zero(dimension: &usize) -> bool {
    *dimension == 0
}
