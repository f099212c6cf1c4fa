use std::io::ErrorKind;
use std::path::PathBuf;

/// Errors of a store, a collection or a query.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store's directory could not be created or used.
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
    /// An uploaded file could not be removed.
    #[error("cannot remove `{}`", path.display())]
    RemoveUpload {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A collection's lock file could not be locked.
    #[error("cannot lock `{}`, the write lock of a collection", path.display())]
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
    /// The file is an SQLite database of another program.
    #[error("`{}` is not a clipseek catalogue", path.display())]
    NotACatalogue {
        /// The database file.
        path: PathBuf,
    },
    /// The catalogue was written by a newer clipseek.
    #[error(
        "the catalogue `{}` has version {found}; this clipseek reads versions up to {supported}",
        path.display()
    )]
    NewerCatalogue {
        /// The database file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest version that this program reads.
        supported: i64,
    },
    /// The temporary database for the locations and ids of an `add` could not be used.
    #[error("cannot use a temporary file for the locations and ids of this run")]
    Notes {
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// A record's stored value is not valid JSON of the expected shape.
    #[error("record `{id}` of the catalogue is damaged")]
    DamagedRecord {
        /// The record.
        id: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The name is not a valid collection name.
    #[error(
        "`{name}` cannot name a collection: expected 1 to 45 of a-z, 0-9 and `-`, \
         beginning and ending with a letter or digit"
    )]
    CollectionName {
        /// The name.
        name: String,
    },
    /// No collection has this name.
    #[error("there is no collection `{name}`")]
    NoCollection {
        /// The requested name.
        name: String,
        /// The names of the existing collections.
        existing: Vec<String>,
    },
    /// Another process deleted the collection after it was opened.
    #[error("collection `{collection}` was deleted by another process")]
    Deleted {
        /// The collection.
        collection: String,
    },
    /// The catalogue lists the collection, but its vectors no longer exist.
    #[error(
        "the vectors of collection `{collection}` are gone: engine `{engine}` has no index of that name"
    )]
    IndexGone {
        /// The collection.
        collection: String,
        /// The engine that held its vectors.
        engine: index::EngineKind,
    },
    /// The index was replaced: its dimension or metric does not fit the collection.
    #[error(
        "index `{collection}` of engine `{engine}` does not belong to the collection: it has dimension {dimension} and metric \
         {metric}, expected {expected} and cosine"
    )]
    OtherIndex {
        /// The collection.
        collection: String,
        /// The engine that holds its vectors.
        engine: index::EngineKind,
        /// The dimension of the index.
        dimension: usize,
        /// The metric of the index.
        metric: index::Metric,
        /// The dimension of the collection's vectors.
        expected: usize,
    },
    /// The collection's vectors are in another engine.
    #[error("collection `{collection}` is in engine `{expected}`, not in `{given}`")]
    OtherEngine {
        /// The collection.
        collection: String,
        /// The engine that holds its vectors.
        expected: index::EngineKind,
        /// The requested engine.
        given: index::EngineKind,
    },
    /// The collection was created with another model.
    #[error(
        "collection `{collection}` was created with model `{expected}`, not with the given one"
    )]
    OtherModel {
        /// The collection.
        collection: String,
        /// The collection's model.
        expected: String,
    },
    /// The collection was created with another precision.
    #[error(
        "collection `{collection}` was created with precision {expected}, not with the given one"
    )]
    OtherPrecision {
        /// The collection.
        collection: String,
        /// The collection's precision.
        expected: String,
    },
    /// Another text model embedded the collection's captions.
    #[error(
        "the captions of collection `{collection}` were embedded with text model `{expected}`, \
         not with the given one"
    )]
    OtherTextModel {
        /// The collection.
        collection: String,
        /// The collection's text model.
        expected: String,
    },
    /// The collection has no record with this id.
    #[error("collection `{collection}` has no picture with id `{id}`")]
    NoRecord {
        /// The collection.
        collection: String,
        /// The requested id.
        id: String,
    },
    /// A picture of the catalogue has no vector, because an `add` was interrupted or vectors were lost.
    #[error("picture `{id}` of collection `{collection}` has no vector")]
    NoVector {
        /// The collection.
        collection: String,
        /// The picture's id.
        id: String,
    },
    /// The weighted terms of a mixed query add up to zero.
    #[error("the terms of the query cancel each other out: nothing is left to search for")]
    Vanished,
    /// A given vector's dimension differs from the collection's.
    #[error("the vector has dimension {found}, expected {expected}")]
    VectorLength {
        /// The dimension of the given vector.
        found: usize,
        /// The dimension of the collection's vectors.
        expected: usize,
    },
    /// The threshold for duplicates is out of range.
    #[error("invalid duplicate threshold `{threshold}`: expected a cosine above 0, up to 1")]
    DuplicateThreshold {
        /// The threshold.
        threshold: f32,
    },
    /// The keywords contain no word.
    #[error("`{text}` contains no word to look up")]
    NoKeywords {
        /// The keywords as given.
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

/// The result type of this crate.
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
    /// Whether the store's directory is read-only.
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

    /// Whether the catalogue's file is damaged or is not an SQLite database.
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

    /// Whether the disk was full. Changes acknowledged before are kept.
    pub fn is_disk_full(&self) -> bool {
        let code = match self {
            Error::Catalogue { source, .. } | Error::Notes { source } => source.sqlite_error_code(),
            _ => None,
        };
        code == Some(rusqlite::ErrorCode::DiskFull)
    }
}
