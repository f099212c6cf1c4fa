//! Errors of the engines, one variant per cause.

use std::path::PathBuf;

use crate::limits::{
    DIMENSION_LIMIT, FILTER_DEPTH_LIMIT, FILTER_VALUES_LIMIT, ID_LIMIT, INDEX_NAME_LIMIT,
    METADATA_LIMIT, NAMESPACE_LIMIT, TOP_K_LIMIT,
};
use crate::pinecone::KEY_VARIABLE;
use crate::{EngineKind, Metric};

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Errors of an engine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or directory could not be read or written.
    #[error("cannot use `{}`", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },

    /// SQLite failed.
    #[error("the vector database failed")]
    Database {
        /// SQLite's error.
        #[source]
        source: rusqlite::Error,
    },

    /// Another process locked the database for too long.
    #[error("the vector database is in use by another process")]
    Busy {
        /// SQLite's error.
        #[source]
        source: rusqlite::Error,
    },

    /// The disk is full. Changes acknowledged before are kept; this write is not.
    #[error(
        "the disk is full: could not write `{}`; nothing stored before is lost",
        path.display()
    )]
    DiskFull {
        /// The file to write.
        path: PathBuf,
        /// The error of SQLite or the system.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    /// The engine's directory, files or file system are read-only.
    #[error("`{}` is read-only here: its vectors can be searched but not changed", path.display())]
    ReadOnly {
        /// The database.
        path: PathBuf,
    },

    /// The database is read-only, but a log left by a crash must be written before it can be read.
    #[error(
        "`{}` is read-only here and has unfinished changes from a crash: open it once where it is \
         writable",
        path.display()
    )]
    UnfinishedChanges {
        /// The database.
        path: PathBuf,
    },

    /// Another process changed a database that can't be locked here while this one read it.
    #[error("`{}` was changed while it was being read: try again", path.display())]
    ChangedMeanwhile {
        /// The database.
        path: PathBuf,
    },

    /// The database file belongs to another program.
    #[error("`{}` is not a clipseek vector database", path.display())]
    ForeignFile {
        /// The file.
        path: PathBuf,
    },

    /// A newer version of this program wrote the database.
    #[error(
        "`{}` has format version {got}; this program reads versions up to {supported}",
        path.display()
    )]
    NewerVersion {
        /// The file.
        path: PathBuf,
        /// Its version.
        got: i64,
        /// The newest version that this program reads.
        supported: i64,
    },

    /// A stored vector is damaged.
    #[error("the stored vector in slot {slot} is damaged: {what}")]
    DamagedVector {
        /// The vector's slot, `vectors.slot` in the database.
        slot: i64,
        /// What is wrong with it.
        what: &'static str,
    },

    /// An index of this name already exists.
    #[error("index `{name}` already exists")]
    IndexExists {
        /// The index.
        name: String,
    },

    /// No index has this name, or it was deleted.
    #[error("index `{name}` does not exist")]
    IndexNotFound {
        /// The index.
        name: String,
    },

    /// The index is protected from deletion.
    #[error("index `{name}` is protected from deletion")]
    DeletionProtected {
        /// The index.
        name: String,
    },

    /// The stored settings of an index are damaged.
    #[error("the stored settings of index `{index}` are damaged")]
    DamagedSettings {
        /// The index.
        index: String,
    },

    /// No vector has this id.
    #[error("index `{index}` has no vector `{id}` in namespace `{namespace}`")]
    VectorNotFound {
        /// The index.
        index: String,
        /// The namespace.
        namespace: String,
        /// The requested id.
        id: String,
    },

    /// An index name is too long or has characters that Pinecone doesn't allow.
    #[error(
        "index name `{name}` is not 1 to {INDEX_NAME_LIMIT} characters of `a`-`z`, `0`-`9` and `-` \
         that neither begin nor end with `-`"
    )]
    InvalidIndexName {
        /// The name.
        name: String,
    },

    /// An index's dimension is out of range.
    #[error("dimension {got} is not between 1 and {DIMENSION_LIMIT}")]
    InvalidDimension {
        /// The requested dimension.
        got: usize,
    },

    /// The metric is unknown.
    #[error("metric `{got}` is unknown: expected `cosine`, `dotproduct` or `euclidean`")]
    UnknownMetric {
        /// The metric's name.
        got: String,
    },

    /// A vector's dimension differs from its index's.
    #[error("index `{index}` has dimension {expected}, the vector has {got}")]
    DimensionMismatch {
        /// The index.
        index: String,
        /// The index's dimension.
        expected: usize,
        /// The vector's dimension.
        got: usize,
    },

    /// A vector contains NaN or an infinity.
    #[error("value {position} of the vector is {got}, not a finite number")]
    NotFinite {
        /// The position in the vector, from 0.
        position: usize,
        /// The value.
        got: f32,
    },

    /// An all-zero vector has no direction, so no cosine.
    #[error(
        "cosine similarity is undefined for an all-zero vector, which index `{index}` can't store"
    )]
    ZeroVector {
        /// The index.
        index: String,
    },

    /// A vector's id is empty or too long.
    #[error("an id of {got} characters is not between 1 and {ID_LIMIT}")]
    InvalidId {
        /// The id's length in characters.
        got: usize,
    },

    /// A namespace's name is too long.
    #[error("a namespace of {got} bytes is longer than {NAMESPACE_LIMIT}")]
    InvalidNamespace {
        /// The name's length in bytes.
        got: usize,
    },

    /// A metadata key looks like a filter operator.
    #[error("metadata key `{key}` begins with `$`, which is reserved for operators")]
    InvalidMetadataKey {
        /// The key.
        key: String,
    },

    /// A metadata value has an unsupported type.
    #[error(
        "metadata key `{key}` is {got}: expected a string, a number, a boolean or a list of strings"
    )]
    InvalidMetadata {
        /// The key.
        key: String,
        /// The type of its value.
        got: &'static str,
    },

    /// A vector's metadata is too large.
    #[error("the metadata of vector `{id}` is {got} bytes of JSON, the limit is {METADATA_LIMIT}")]
    MetadataTooLarge {
        /// The vector.
        id: String,
        /// The size of its metadata in bytes of JSON.
        got: usize,
    },

    /// A query's `top_k` is out of range.
    #[error("top_k {got} is not between 1 and {TOP_K_LIMIT}")]
    InvalidTopK {
        /// The requested number.
        got: usize,
    },

    /// The database file was deleted or replaced after it was opened.
    #[error("`{}` was deleted or moved while in use", path.display())]
    Gone {
        /// The file.
        path: PathBuf,
    },

    /// A page token is invalid.
    #[error("invalid page token `{got}`: expected the `next` of the previous page")]
    InvalidToken {
        /// The token.
        got: String,
    },

    /// A filter operator is unknown.
    #[error(
        "filter operator `{operator}` is unknown: expected `$eq`, `$ne`, `$gt`, `$gte`, `$lt`, \
         `$lte`, `$in`, `$nin`, `$exists`, `$and`, `$or` or `$not`"
    )]
    UnknownOperator {
        /// The operator.
        operator: String,
    },

    /// A filter's operand has the wrong type.
    #[error("filter `{place}` expects {expected}, not {got}")]
    InvalidFilter {
        /// The operator or field.
        place: String,
        /// The expected type.
        expected: &'static str,
        /// The given type.
        got: &'static str,
    },

    /// A filter's `$in` or `$nin` lists too many values.
    #[error("filter `{place}` lists {got} values, the limit is {FILTER_VALUES_LIMIT}")]
    TooManyFilterValues {
        /// The operator.
        place: String,
        /// The number of values.
        got: usize,
    },

    /// A sparse vector is invalid.
    #[error("invalid sparse vector: {what}")]
    InvalidSparse {
        /// What is wrong with it.
        what: String,
    },

    /// The index accepts no sparse values.
    #[error("index `{index}` accepts no sparse values: only `dotproduct` indexes do")]
    NoSparseValues {
        /// The index.
        index: String,
    },

    /// An index of sparse vectors got dense values, or no values.
    #[error("index `{index}` has sparse vectors: expected only sparse values")]
    SparseOnly {
        /// The index.
        index: String,
    },

    /// An index of sparse vectors must use `dotproduct`.
    #[error("sparse vectors need the metric `dotproduct`, not `{got}`")]
    SparseMetric {
        /// The requested metric.
        got: Metric,
    },

    /// The engine is unknown.
    #[error("engine `{got}` is unknown: expected `embedded` or `pinecone`")]
    UnknownEngine {
        /// The engine's name.
        got: String,
    },

    /// Pinecone's API key is missing or invalid.
    #[error("{KEY_VARIABLE} is missing or invalid")]
    NoKey,

    /// A server's address is invalid.
    #[error("invalid server address `{got}`: {expected}")]
    InvalidHost {
        /// The given address.
        got: String,
        /// The expected form.
        expected: &'static str,
    },

    /// The HTTP client couldn't be set up.
    #[error("cannot set up requests to Pinecone")]
    Client {
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    /// A server rejected the API key.
    #[error("`{host}` rejected the API key")]
    KeyRefused {
        /// The server.
        host: String,
    },

    /// A server is unreachable, or the connection broke.
    #[error("cannot reach `{host}`")]
    Unreachable {
        /// The server.
        host: String,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    /// A server didn't respond in time.
    #[error("`{host}` did not respond within {seconds} s")]
    Silent {
        /// The server.
        host: String,
        /// The timeout of each attempt.
        seconds: u64,
    },

    /// A server rejected a request.
    #[error("`{host}` rejected a request: {message} (status {status})")]
    Refused {
        /// The server.
        host: String,
        /// The status of the response.
        status: u16,
        /// The server's message.
        message: String,
    },

    /// A response doesn't follow Pinecone's API.
    #[error("`{host}` does not respond as Pinecone does: {what}")]
    NotPinecone {
        /// The server.
        host: String,
        /// What is wrong with the response.
        what: String,
    },

    /// An index wasn't ready in time.
    #[error("index `{name}` is not ready after {seconds} s: its state is `{state}`")]
    NotReady {
        /// The index.
        name: String,
        /// The timeout.
        seconds: u64,
        /// Its state.
        state: String,
    },

    /// The engine doesn't support an operation.
    #[error("engine `{engine}` cannot {what}")]
    Unsupported {
        /// The engine.
        engine: EngineKind,
        /// The operation.
        what: &'static str,
    },

    /// A filter is nested too deeply.
    #[error("the filter is nested deeper than {FILTER_DEPTH_LIMIT} levels")]
    FilterTooDeep,
}

impl Error {
    /// Whether the database file is damaged or belongs to another program.
    pub fn is_damage(&self) -> bool {
        let code = match self {
            Self::Database { source } => source.sqlite_error_code(),
            Self::ForeignFile { .. } => return true,
            _ => None,
        };
        matches!(
            code,
            Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase)
        )
    }

    /// A failure to write `path`.
    pub(crate) fn of_file(path: PathBuf, source: std::io::Error) -> Self {
        match source.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                let source = source.into();
                Self::DiskFull { path, source }
            }
            _ => Self::Io { path, source },
        }
    }
}

impl From<rusqlite::Error> for Error {
    fn from(source: rusqlite::Error) -> Self {
        match source.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => {
                Self::Busy { source }
            }
            _ => Self::Database { source },
        }
    }
}
