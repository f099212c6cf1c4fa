//! Where vectors live: indexes of vectors with metadata, searched exactly.
//!
//! The model is Pinecone's. An engine holds *indexes*, each with a dimension and a [`Metric`]; an
//! index holds *namespaces*; a namespace holds [`Vector`]s: an id, values and metadata. The engine
//! here is [`Embedded`], a directory on this machine.
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

mod description;
mod embedded;
mod error;
mod filter;
mod limits;
mod machine;
mod metric;
mod query;
mod score;
mod unique;
mod vector;
pub mod wire;

pub use description::{IndexDescription, IndexSettings, IndexSpec, IndexStats, NamespaceStats};
pub use embedded::{Damage, Embedded, Index, Report, Vectors};
pub use error::{Error, Result};
pub use filter::Filter;
pub use limits::{
    DIMENSION_LIMIT, FILTER_DEPTH_LIMIT, FILTER_VALUES_LIMIT, ID_LIMIT, INDEX_NAME_LIMIT,
    METADATA_LIMIT, TOP_K_LIMIT,
};
pub use metric::Metric;
pub use query::{Match, Query, QueryBy};
pub use vector::{Metadata, Selection, Update, Vector};
