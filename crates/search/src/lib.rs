//! Collections of pictures: adding, searching with words or pictures, evaluation.
//!
//! A [`Store`] is a local directory that holds an SQLite catalogue of collections and their records, and the
//! embedded vector engine. A [`Collection`] holds pictures embedded by one model. Its vectors are in an index
//! with the collection's name: image vectors in the namespace [`IMAGES`], caption vectors in [`CAPTIONS`].
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
mod file_stamp;
mod folding;
mod fusion;
mod grouping;
mod identity;
mod ingest;
pub mod keys;
mod keywords;
mod merge;
mod metadata;
mod missing;
mod query;
mod record;
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
pub use file_stamp::{FileStamp, is_gone};
pub use folding::Looks;
pub use fusion::CaptionMatch;
pub use identity::{ModelIdentity, TextIdentity};
pub use ingest::budget::Budget;
pub use ingest::options::AddOptions;
pub use ingest::report::{AddEvent, Failure, IngestReport};
pub use ingest::step_times::Seconds;
pub use keywords::Keywords;
pub use merge::{MergeEvent, MergeReport};
pub use metadata::is_taken;
pub use query::{Hit, Hits, Order, Query, SearchOptions, Within};
pub use record::{NewRecord, Record};
pub use store::{Placement, Store, StoreSettings};
