//! The application without a user interface: the command line, the server and Rust programs all call it.
//!
//! A [`Clipseek`] has a store of collections and access to models. It adds sources to a collection, searches, classifies,
//! embeds and evaluates. Nothing here prints, parses arguments or reads the environment: [`Settings`] configure it, and
//! progress is reported as [`Event`]s and [`AddProgress`].
//!
//! AVIF and JPEG XL are decoded in child processes. A program that reads them calls
//! [`picture::decoder_process::serve_if_asked`] first in `main`.
//!
//! ```
//! use std::sync::atomic::AtomicBool;
//!
//! use clipseek::{AddRequest, Clipseek, ModelChoice, SearchRequest, Settings, demo};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let directory = tempfile::tempdir()?;
//! let clipseek = Clipseek::new(Settings::in_directory(directory.path()));
//! let request = AddRequest {
//!     sources: vec![demo::unpack(&directory.path().join("demo"))?],
//!     model: ModelChoice::named("mini"),
//!     ..AddRequest::default()
//! };
//! clipseek.add(request, &AtomicBool::new(false), &|_| {})?;
//! let answer = clipseek.search(&SearchRequest::words("a bird on a branch"))?;
//! assert!(answer.found.hits[0].captions[0].contains("bird"));
//! # Ok(())
//! # }
//! ```

mod add;
mod add_request;
mod answer;
mod classify;
mod clipseek;
mod collections;
mod columns;
mod conditions;
pub mod demo;
mod embed;
mod error;
mod evaluate;
mod event;
mod fetch;
mod hub_model;
mod mini;
mod mix;
mod model_files;
mod model_list;
mod models;
mod period;
mod picture_input;
mod query;
mod real_path;
mod runtime;
mod search_request;
mod settings;
mod sources;
mod table_columns;
mod training;
mod vector_file;

pub use add::{AddReport, Adding};
pub use add_request::{AddProgress, AddRequest, Fetched, Watcher};
pub use answer::{Answer, Nothing, RankedHit, similarity};
pub use classify::{Classified, Classifier, Label, check_labels};
pub use clipseek::{Clipseek, DEFAULT_COLLECTION};
pub use collections::{Deletion, Forgotten, MergeRequest, Merged};
pub use conditions::{Conditions, parse_filter};
pub use embed::embed_listing;
pub use error::{Error, Result, hint};
pub use evaluate::{check_captions, evaluate};
pub use event::{Event, Listener, Note};
pub use hub_model::HubModel;
pub use mini::MINI;
pub use model_list::LocalModel;
pub use models::{DEFAULT_MODEL, ModelChoice, Models, NamedModel, PrecisionChoice, SHOWN_DIGITS};
pub use period::Period;
pub use picture_input::{GivenPicture, PictureInput, is_picture};
pub use query::{Field, Query, QueryText, Sign, Term, TermKind, with_minus};
pub use search_request::{DEFAULT_TOP_K, Question, SearchRequest};
pub use settings::Settings;
pub use sources::{ReadOptions, skipped};
pub use training::examples;
pub use vector_file::VectorFile;

// The crates whose types occur in signatures here, so that programs need no other dependency.
pub use ::search;
pub use {clip, dataset, hub, index, picture, train};

// The types that most programs need.
pub use ::search::{
    AddOptions, CaptionMatch, Collection, CollectionInfo, Duplicates, Embedder, Embedding, Failure,
    Hit, Hits, IngestReport, Keywords, MergeReport, ModelIdentity, Placement, Store, StoreSettings,
    Within,
};
pub use clip::{Device, Model, Template};
pub use dataset::{
    Columns, DownloadOptions, FetchOptions, ListedProblem, Listing, Slice, SourceOptions,
};
pub use index::{Deployment, EngineKind, Filter, PineconeSettings};
