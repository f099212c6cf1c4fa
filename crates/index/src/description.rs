use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::limits::{check_dimension, check_index_name};
use crate::{Deployment, Error, Metric, Result};

/// An index to be created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexSpec {
    /// The name: 1 to 45 characters of `[a-z0-9-]`, no `-` at either end.
    pub name: String,
    /// The dimension of its vectors: 1 to 20,000; 0 for an index of sparse vectors.
    pub dimension: usize,
    /// How its vectors are compared.
    pub metric: Metric,
}

impl IndexSpec {
    /// Refuses what no engine makes.
    pub(crate) fn check(&self) -> Result<()> {
        check_index_name(&self.name)?;
        match (self.dimension, self.metric) {
            (0, Metric::Dotproduct) => Ok(()),
            (0, got) => Err(Error::SparseMetric { got }),
            (dimension, _) => check_dimension(dimension),
        }
    }
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
    /// Where and on what it was asked to run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment: Option<Deployment>,
    /// The port that it is served at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Whether it was asked for with sparse vectors beside the dense ones. It takes them anyway, where it compares
    /// by dot product.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_hybrid: bool,
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
    /// The dimension of its vectors; 0, which JSON leaves out, if they are sparse.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dimension: usize,
    /// How its vectors are compared.
    pub metric: Metric,
    /// How many vectors it has in all namespaces, where the engine knows without counting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vector_count: Option<u64>,
    /// Where it is served, if by another machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Its state, where it takes time to be made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
}

/// What is in an index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IndexStats {
    /// What is in each namespace; the default namespace is `""`.
    pub namespaces: BTreeMap<String, NamespaceStats>,
    /// The dimension of its vectors; 0, which JSON leaves out, if they are sparse.
    #[serde(default, skip_serializing_if = "is_zero")]
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

fn is_zero(dimension: &usize) -> bool {
    *dimension == 0
}
