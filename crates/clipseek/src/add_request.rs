//! What is added, how it gets on, and how fetching went.

use std::path::{Path, PathBuf};
use std::time::Duration;

use dataset::{DownloadOptions, ListedProblem};
use search::{Failure, Placement};

use crate::clipseek::DEFAULT_COLLECTION;
use crate::models::ModelChoice;
use crate::sources::ReadOptions;

/// What is added, to what, and how.
#[derive(Clone, Debug, Default)]
pub struct AddRequest {
    /// Folders, tables, single pictures, datasets of the hub.
    pub sources: Vec<PathBuf>,
    /// The collection, made if it is not there; `None` for [`DEFAULT_COLLECTION`].
    pub collection: Option<String>,
    /// The model; by default that of the collection, else the default one.
    pub model: ModelChoice,
    /// Where the vectors of a new collection go.
    pub placement: Placement,
    /// How the sources are read.
    pub read: ReadOptions,
    /// How pictures of URLs are fetched.
    pub download: DownloadOptions,
    /// Whether pictures that are gone from the folders are taken out of the collection.
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

/// How adding gets on. It comes from several threads.
#[derive(Debug)]
#[non_exhaustive]
pub enum AddProgress<'a> {
    /// A file or a row that is no picture.
    Skipped(&'a ListedProblem),
    /// A folder that held pictures before, and holds none now.
    EmptyFolder {
        /// The folder.
        path: &'a Path,
        /// Whether files are left out, so that it may be for that.
        is_excluding: bool,
    },
    /// Pictures of this machine are indexed.
    Indexing {
        /// How many have been dealt with.
        done: usize,
        /// How many there are.
        total: u64,
        /// How many of them failed.
        failed: usize,
    },
    /// Pictures are taken out of the tables that they are in.
    TakingOut(&'a dataset::Progress),
    /// Pictures of URLs are fetched, and indexed as they come.
    Fetching {
        /// How fetching gets on.
        progress: &'a dataset::Progress,
        /// How many of them are indexed.
        indexed: usize,
    },
    /// A picture that could not be fetched or indexed.
    Failed(&'a Failure),
}

/// Is told how adding gets on.
pub type Watcher<'a> = dyn Fn(AddProgress<'_>) + Sync + 'a;

/// How fetching went.
#[derive(Clone, Debug, Default)]
pub struct Fetched {
    /// What came of the URLs.
    pub progress: dataset::Progress,
    /// How long it took, indexing of what came included.
    pub took: Duration,
}
