//! Where vectors live: indexes of vectors with metadata.
//!
//! The model is Pinecone's. An [`Engine`] holds *indexes*, each with a dimension and a [`Metric`]; an
//! index holds *namespaces*; a namespace holds [`Vector`]s: an id, values and metadata. There are two
//! engines: [`Embedded`], a directory on this machine, searched exactly, and [`Pinecone`], its cloud or
//! what speaks its API.
//!
//! ```
//! use index::{Embedded, Filter, IndexSpec, Metric, Query, QueryBy, Vector};
//! use serde_json::json;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let directory = tempfile::tempdir()?;
//! let engine = Embedded::open(directory.path())?;
//! engine.create_index(&IndexSpec { name: "animals".into(), dimension: 2, metric: Metric::Cosine })?;
//!
//! let animals = engine.index("animals")?;
//! let vectors: Vec<Vector> = serde_json::from_value(json!([
//!     {"id": "dog", "values": [1.0, 0.1], "metadata": {"legs": 4}},
//!     {"id": "cat", "values": [0.9, 0.3], "metadata": {"legs": 4}},
//!     {"id": "hen", "values": [0.2, 1.0], "metadata": {"legs": 2}},
//! ]))?;
//! animals.upsert("", &vectors)?;
//!
//! let mut query = Query::new(QueryBy::Values(vec![0.0, 1.0]), 1);
//! assert_eq!(animals.query("", &query)?[0].id, "hen");
//! query.filter = Some(Filter::parse(&json!({"legs": {"$gt": 2}}))?);
//! assert_eq!(animals.query("", &query)?[0].id, "cat");
//! # Ok(())
//! # }
//! ```

mod deployment;
mod description;
mod embedded;
mod engine;
mod error;
mod filter;
mod limits;
mod machine;
mod metric;
mod page;
mod pinecone;
mod query;
mod score;
mod sparse;
mod unique_keys;
mod vector;
pub mod wire;

pub use deployment::Deployment;
pub use description::{IndexDescription, IndexSettings, IndexSpec, IndexStats, NamespaceStats};
pub use embedded::{Damage, Embedded, EmbeddedIndex, Report, Revision, Vectors};
pub use engine::{Engine, EngineKind, Index};
pub use error::{Error, Result};
pub use filter::Filter;
pub use limits::{
    DIMENSION_LIMIT, FILTER_DEPTH_LIMIT, FILTER_VALUES_LIMIT, ID_LIMIT, INDEX_NAME_LIMIT,
    METADATA_LIMIT, NAMESPACE_LIMIT, TOP_K_LIMIT, check_namespace,
};
pub use metric::Metric;
pub use net::{ClientSettings, Retry};
pub use page::Page;
pub use pinecone::{
    ApiKey, CONTROLLER_VARIABLE, KEY_VARIABLE, OnRetry, Pinecone, PineconeIndex, PineconeSettings,
};
pub use query::{Match, Query, QueryBy};
pub use sparse::{SPARSE_LIMIT, SparseValues};
pub use unique_keys::parse_json;
pub use vector::{Metadata, Selection, Update, Vector};
