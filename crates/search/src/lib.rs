//! Collections of pictures: ingest, queries with words or with a picture, evaluation.
//!
//! A [`Store`] is a local directory with the catalogue of collections and their records (SQLite)
//! and the embedded vector engine beside it. A [`Collection`] is pictures embedded by one model:
//! its image vectors are the namespace [`IMAGES`] and its caption vectors the namespace
//! [`CAPTIONS`] of one index named after it.
//!
//! ```
//! # let directory = tempfile::tempdir()?;
//! let store = search::Store::open(directory.path())?;
//! assert!(store.collections()?.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod address;
mod catalogue;
mod check;
mod collection;
mod contribution;
mod duplicates;
mod embedder;
mod embedding;
mod error;
mod evaluation;
mod export;
mod facets;
mod facts;
mod folding;
mod fusion;
mod identity;
mod ingest;
pub mod keys;
mod keywords;
mod merge;
mod metadata;
mod missing;
mod query;
mod record;
mod stamp;
mod stars;
mod store;
mod uploads;
mod vectors;

pub use address::Address;
pub use check::{CheckOptions, CheckReport, Fault, FaultKind};
pub use collection::{
    CAPTIONS, Collection, CollectionInfo, CollectionState, IMAGES, is_of_collections,
};
pub use contribution::Contribution;
pub use duplicates::{Duplicate, DuplicateFile, DuplicateGroup, DuplicateOptions, Duplicates};
pub use embedder::Embedder;
pub use embedding::{Embedding, embed};
pub use error::{Error, Result};
pub use evaluation::{Evaluation, Recall, evaluate};
pub use facets::{Column, Count, FacetOptions, Facets};
pub use folding::Looks;
pub use fusion::CaptionMatch;
pub use identity::{ModelIdentity, TextIdentity};
pub use ingest::budget::Budget;
pub use ingest::options::AddOptions;
pub use ingest::report::{AddEvent, Failure, IngestReport};
pub use ingest::spent::Seconds;
pub use keywords::Keywords;
pub use merge::{MergeEvent, MergeReport};
pub use metadata::is_taken;
pub use query::{Hit, Hits, Order, Query, SearchOptions, Within};
pub use record::{NewRecord, Record};
pub use stamp::{FileStamp, is_gone};
pub use store::{Placement, Store, StoreSettings};
