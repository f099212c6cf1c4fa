//! Reads sources of pictures, downloads pictures, and writes embeddings.
//!
//! A [`Source`] is a folder of pictures, one picture, or a table that names pictures (CSV, TSV, JSON Lines,
//! Parquet). Reading it gives a [`Listing`]: the [`Record`]s found, and a [`Problem`] for each file or row
//! that couldn't become one. A listing is stored on disk, so a table may be larger than memory, and several
//! sources can be read into one listing. This crate decodes pictures only to check downloads.
//!
//! ```
//! use dataset::{Source, SourceOptions};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = tempfile::tempdir()?;
//! std::fs::write(folder.path().join("dog.jpg"), b"not decoded here")?;
//! let table = folder.path().join("captions.csv");
//! std::fs::write(
//!     &table,
//!     "image,caption,year\n\
//!      dog.jpg,a dog in the snow,2019\n\
//!      cat.jpg,a cat,2020\n\
//!      dog.jpg,a happy dog,2019\n",
//! )?;
//!
//! let listing = Source::open(&table, SourceOptions::default())?.read()?;
//!
//! assert_eq!((listing.pictures(), listing.captions(), listing.problems()), (1, 2, 1));
//! for record in listing.records() {
//!     let record = record?;
//!     assert_eq!(record.captions, ["a dog in the snow", "a happy dog"]);
//!     assert_eq!(record.metadata["year"], 2019);
//! }
//! for problem in listing.listed_problems() {
//!     assert!(problem?.to_string().ends_with("captions.csv:3: no such file `cat.jpg`"));
//! }
//! # Ok(())
//! # }
//! ```

mod address;
mod allowed_addresses;
mod coco;
mod column_types;
mod columnar;
mod columns;
mod data_url;
mod delimited;
mod download;
mod embedding_array;
mod embedding_table;
mod encoding;
mod error;
mod exclusions;
mod fetch;
mod fetch_error;
mod folder;
mod form;
mod gathering;
mod hub_table;
mod json_array;
mod json_lines;
mod json_object;
mod listing;
mod paths;
mod problem;
mod record;
mod resolver;
mod row;
mod slice;
mod source;
mod strict;
mod text_stream;
mod unfinished;
mod value;

pub use address::{Address, WebAddress};
pub use allowed_addresses::AllowedAddresses;
pub use columns::Columns;
pub use download::{
    Download, DownloadError, DownloadOptions, FetchedPicture, Keeping, KeptFile, ManifestReport,
    Outcome, Progress, Reason, Resizing, Shard, addresses,
};
pub use embedding_array::EmbeddingArray;
pub use embedding_table::{EmbeddingRow, EmbeddingTable};
pub use error::{Error, Result};
pub use exclusions::Exclusions;
pub use fetch::{FetchOptions, fetch};
pub use fetch_error::FetchError;
pub use hub_table::HubDataset;
pub use listing::{CellCounts, Listing, Problems, Records};
pub use net::ClientSettings;
pub use paths::absolute;
pub use problem::{ListedProblem, Problem, ProblemReason};
pub use record::{Contribution, Metadata, Record};
pub use row::{Inside, Row};
pub use slice::Slice;
pub use source::{Found, Source, SourceOptions};
pub use unfinished::Unfinished;
