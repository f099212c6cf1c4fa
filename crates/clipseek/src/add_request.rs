//! The request of an `add`, its progress, and the result of its downloads.

use std::path::{Path, PathBuf};
use std::time::Duration;

use dataset::{DownloadOptions, ListedProblem};
use search::{Failure, Placement};

use crate::clipseek::DEFAULT_COLLECTION;
use crate::models::ModelChoice;
use crate::sources::ReadOptions;

/// A request to add sources to a collection.
#[derive(Clone, Debug, Default)]
pub struct AddRequest {
    /// Folders, tables, single pictures or data sets of the hub.
    pub sources: Vec<PathBuf>,
    /// The collection, created if needed; `None` for [`DEFAULT_COLLECTION`].
    pub collection: Option<String>,
    /// The model; by default that of the collection, else the default one.
    pub model: ModelChoice,
    /// Where to store the vectors of a new collection.
    pub placement: Placement,
    /// How to read the sources.
    pub read: ReadOptions,
    /// How to download pictures.
    pub download: DownloadOptions,
    /// Whether to remove pictures that are gone from the sources.
    pub prune: bool,
}

impl AddRequest {
    /// The name of the collection.
    pub fn collection_name(&self) -> &str {
        let name = self.collection.as_deref();
        name.filter(|name| !name.is_empty())
            .unwrap_or(DEFAULT_COLLECTION)
    }
}

/// Progress of an `add`, reported from several threads.
#[derive(Debug)]
#[non_exhaustive]
pub enum AddProgress<'a> {
    /// A file or row that is not a picture.
    Skipped(&'a ListedProblem),
    /// A folder that contained pictures before and is empty now.
    EmptyFolder {
        /// The folder.
        path: &'a Path,
        /// Whether exclusions are set, which may be the reason.
        is_excluding: bool,
    },
    /// Local pictures are being indexed.
    Indexing {
        /// The number processed.
        done: usize,
        /// The total number.
        total: u64,
        /// The number of failures.
        failed: usize,
    },
    /// Pictures inside tables are being extracted.
    Extracting(&'a dataset::Progress),
    /// Pictures are being downloaded, and indexed as they arrive.
    Fetching {
        /// The progress of downloads.
        progress: &'a dataset::Progress,
        /// The number of downloaded pictures that are indexed.
        indexed: usize,
    },
    /// A picture that could not be downloaded or indexed.
    Failed(&'a Failure),
}

/// A callback for progress.
pub type Watcher<'a> = dyn Fn(AddProgress<'_>) + Sync + 'a;

/// The result of downloads.
#[derive(Clone, Debug, Default)]
pub struct Fetched {
    /// The counts of URLs.
    pub progress: dataset::Progress,
    /// The duration, including indexing.
    pub took: Duration,
}
