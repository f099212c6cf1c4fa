use std::io::ErrorKind;
use std::path::PathBuf;

/// What can go wrong in a store, a collection or a query.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store's directory could not be made or used.
    #[error("the store `{}` cannot be used", path.display())]
    Store {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The store's path leads to a file.
    #[error("the store `{}` is a file, not a folder", path.display())]
    StoreIsFile {
        /// The path.
        path: PathBuf,
    },
    /// A file that was uploaded could not be removed.
    #[error("cannot remove `{}`", path.display())]
    RemoveUpload {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file that lets one process at a time change a collection could not be locked.
    #[error("cannot lock `{}`, by which one process at a time changes a collection", path.display())]
    Lock {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The catalogue (SQLite) failed.
    #[error("the catalogue `{}` failed", path.display())]
    Catalogue {
        /// The database file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// The file is a database of something else.
    #[error("`{}` is not a catalogue of clipseek", path.display())]
    NotACatalogue {
        /// The database file.
        path: PathBuf,
    },
    /// The catalogue was written by a newer clipseek.
    #[error(
        "the catalogue `{}` has version {found}, this clipseek reads up to version {supported}",
        path.display()
    )]
    NewerCatalogue {
        /// The database file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest version understood here.
        supported: i64,
    },
    /// The temporary file for what a run of `add` has to remember could not be used.
    #[error("cannot use a temporary file for the locations and ids of this run")]
    Notes {
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// A stored value is not what this program writes.
    #[error("record `{id}` of the catalogue is damaged")]
    DamagedRecord {
        /// The record.
        id: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A name that no collection may have.
    #[error(
        "`{name}` cannot name a collection: expected 1 to 45 of a-z, 0-9 and `-`, \
         beginning and ending with a letter or digit"
    )]
    CollectionName {
        /// The name.
        name: String,
    },
    /// There is no such collection.
    #[error("there is no collection `{name}`")]
    NoCollection {
        /// The name asked for.
        name: String,
        /// Those there are.
        existing: Vec<String>,
    },
    /// The collection was deleted by another process since it was opened.
    #[error("collection `{collection}` was deleted meanwhile")]
    Deleted {
        /// The collection.
        collection: String,
    },
    /// The collection is known, and its vectors are not there any more.
    #[error(
        "the vectors of collection `{collection}` are gone: the engine `{engine}` has no index of its name"
    )]
    IndexGone {
        /// The collection.
        collection: String,
        /// Where its vectors were.
        engine: index::EngineKind,
    },
    /// The index of the collection's name is another: somebody deleted its own, and made one.
    #[error(
        "index `{collection}` of the engine `{engine}` is not the collection's: it has dimension {dimension} and metric \
         {metric}, expected {expected} and cosine"
    )]
    OtherIndex {
        /// The collection.
        collection: String,
        /// Where its vectors were.
        engine: index::EngineKind,
        /// The dimension that the index has.
        dimension: usize,
        /// Its metric.
        metric: index::Metric,
        /// The dimension that it should have.
        expected: usize,
    },
    /// The collection's vectors are in another engine.
    #[error("collection `{collection}` is in the engine `{expected}`, not in `{given}`")]
    OtherEngine {
        /// The collection.
        collection: String,
        /// Where its vectors are.
        expected: index::EngineKind,
        /// What was asked for.
        given: index::EngineKind,
    },
    /// The collection was made with another model.
    #[error("collection `{collection}` was made with model `{expected}`, not with the given one")]
    OtherModel {
        /// The collection.
        collection: String,
        /// The model it remembers.
        expected: String,
    },
    /// The collection was made in another precision.
    #[error("collection `{collection}` was made in the precision {expected}, not in the given one")]
    OtherPrecision {
        /// The collection.
        collection: String,
        /// The precision it remembers.
        expected: String,
    },
    /// The collection's captions were embedded by another text model.
    #[error(
        "the captions of collection `{collection}` were embedded with text model `{expected}`, \
         not with the given one"
    )]
    OtherTextModel {
        /// The collection.
        collection: String,
        /// The text model it remembers.
        expected: String,
    },
    /// There is no such record in the collection.
    #[error("there is no picture with id `{id}` in collection `{collection}`")]
    NoRecord {
        /// The collection.
        collection: String,
        /// The id asked for.
        id: String,
    },
    /// A picture of the catalogue has no vector: an addition was interrupted, or the engine lost.
    #[error("picture `{id}` of collection `{collection}` has no vector")]
    NoVector {
        /// The collection.
        collection: String,
        /// The picture's id.
        id: String,
    },
    /// The terms of a mix take each other away.
    #[error("the terms of the query cancel each other: nothing is left to look for")]
    Vanished,
    /// A vector that was given has not as many numbers as the collection's.
    #[error("the vector has {found} numbers, expected {expected}")]
    VectorLength {
        /// How many it has.
        found: usize,
        /// How many the collection's have.
        expected: usize,
    },
    /// A threshold under which everything would be a duplicate, or nothing.
    #[error("`{threshold}` is no threshold for duplicates: expected a cosine above 0, up to 1")]
    DuplicateThreshold {
        /// The threshold.
        threshold: f32,
    },
    /// Keywords without a word in them.
    #[error("there is no word to look up in `{text}`")]
    NoKeywords {
        /// The keywords as they were written.
        text: String,
    },
    /// The engine failed.
    #[error(transparent)]
    Index(#[from] index::Error),
    /// A picture could not be read.
    #[error(transparent)]
    Picture(picture::Error),
    /// The model failed.
    #[error(transparent)]
    Clip(clip::Error),
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl From<clip::Error> for Error {
    fn from(error: clip::Error) -> Error {
        match error {
            clip::Error::Picture(error) => Error::Picture(error),
            error => Error::Clip(error),
        }
    }
}

impl Error {
    /// Whether the store's directory cannot be written to.
    pub(crate) fn is_read_only(&self) -> bool {
        let kind = match self {
            Error::Store { source, .. } | Error::Lock { source, .. } => Some(source.kind()),
            _ => None,
        };
        matches!(
            kind,
            Some(ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied)
        )
    }

    /// Whether the catalogue's file is damaged, or none of SQLite's.
    pub fn is_damage(&self) -> bool {
        let code = match self {
            Error::Catalogue { source, .. } => source.sqlite_error_code(),
            _ => None,
        };
        matches!(
            code,
            Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase)
        )
    }

    /// Whether there was no room on the disk for the catalogue or for temporary files. What was acknowledged before is there.
    pub fn is_disk_full(&self) -> bool {
        let code = match self {
            Error::Catalogue { source, .. } | Error::Notes { source } => source.sqlite_error_code(),
            _ => None,
        };
        code == Some(rusqlite::ErrorCode::DiskFull)
    }
}
