//! What can go wrong, one variant a cause.

use std::path::PathBuf;

use crate::limits::{
    DIMENSION_LIMIT, FILTER_DEPTH_LIMIT, FILTER_VALUES_LIMIT, ID_LIMIT, INDEX_NAME_LIMIT,
    METADATA_LIMIT, NAMESPACE_LIMIT, TOP_K_LIMIT,
};
use crate::pinecone::KEY_VARIABLE;
use crate::{EngineKind, Metric};

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong in an engine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or directory could not be read or written.
    #[error("cannot use `{}`", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },

    /// SQLite failed.
    #[error("the vector database failed")]
    Database {
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },

    /// Another process held the database for longer than this one waits.
    #[error("the vector database is in use by another process")]
    Busy {
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },

    /// The disk is full. What was acknowledged before is there, what was to be written is not.
    #[error(
        "the disk is full: `{}` could not be written; nothing that was stored before is lost",
        path.display()
    )]
    DiskFull {
        /// The file that was to be written.
        path: PathBuf,
        /// What SQLite or the system said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    /// The engine's directory, its files or their file system cannot be written to.
    #[error("`{}` is read-only here: its vectors can be searched, not changed", path.display())]
    ReadOnly {
        /// The database.
        path: PathBuf,
    },

    /// The database cannot be written to, and has changes that must be before it can be read.
    #[error(
        "`{}` is read-only here and has changes in a log that a crash left: it must be opened once \
         where it can be written",
        path.display()
    )]
    UnfinishedChanges {
        /// The database.
        path: PathBuf,
    },

    /// Another process changed a database that cannot be locked here while it was being read.
    #[error("`{}` was changed while it was being read: try again", path.display())]
    ChangedMeanwhile {
        /// The database.
        path: PathBuf,
    },

    /// The file in the database's place belongs to another program.
    #[error("`{}` is not a vector database of clipseek", path.display())]
    ForeignFile {
        /// The file.
        path: PathBuf,
    },

    /// The database was written by a newer version of this program.
    #[error(
        "`{}` has format version {got}, newer than version {supported}, the newest known here",
        path.display()
    )]
    NewerVersion {
        /// The file.
        path: PathBuf,
        /// The version it has.
        got: i64,
        /// The newest version this program can read.
        supported: i64,
    },

    /// A stored vector is not what was written.
    #[error("the stored vector in slot {slot} is damaged: {what}")]
    DamagedVector {
        /// The vector's slot, `vectors.slot` in the database.
        slot: i64,
        /// What is wrong with it.
        what: &'static str,
    },

    /// There is an index of this name already.
    #[error("index `{name}` exists already")]
    IndexExists {
        /// The index.
        name: String,
    },

    /// There is no index of this name, or it has been dropped.
    #[error("index `{name}` does not exist")]
    IndexNotFound {
        /// The index.
        name: String,
    },

    /// An index is protected from being dropped.
    #[error("index `{name}` is protected from deletion")]
    DeletionProtected {
        /// The index.
        name: String,
    },

    /// The stored settings of an index are not what was written.
    #[error("the stored settings of index `{index}` are damaged")]
    DamagedSettings {
        /// The index.
        index: String,
    },

    /// There is no vector with this id.
    #[error("index `{index}` has no vector `{id}` in namespace `{namespace}`")]
    VectorNotFound {
        /// The index.
        index: String,
        /// The namespace.
        namespace: String,
        /// The id asked for.
        id: String,
    },

    /// An index name is too long or has other characters than Pinecone allows.
    #[error(
        "index name `{name}` is not 1 to {INDEX_NAME_LIMIT} characters of `a`-`z`, `0`-`9` and `-` \
         that neither begin nor end with `-`"
    )]
    InvalidIndexName {
        /// The name.
        name: String,
    },

    /// An index was to have no dimension, or too many.
    #[error("dimension {got} is not between 1 and {DIMENSION_LIMIT}")]
    InvalidDimension {
        /// The dimension asked for.
        got: usize,
    },

    /// A metric that does not exist was named.
    #[error("metric `{got}` is unknown: expected `cosine`, `dotproduct` or `euclidean`")]
    UnknownMetric {
        /// The metric's name.
        got: String,
    },

    /// A vector has another dimension than its index.
    #[error("index `{index}` has dimension {expected}, the vector has {got}")]
    DimensionMismatch {
        /// The index.
        index: String,
        /// The index's dimension.
        expected: usize,
        /// The vector's.
        got: usize,
    },

    /// A vector has NaN or an infinity in it.
    #[error("value {position} of the vector is {got}, not a finite number")]
    NotFinite {
        /// Where in the vector, from 0.
        position: usize,
        /// The value.
        got: f32,
    },

    /// A vector of zeros has no direction, so no cosine.
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

    /// The name of a namespace is too long.
    #[error("a namespace of {got} bytes is longer than {NAMESPACE_LIMIT}")]
    InvalidNamespace {
        /// The name's length in bytes.
        got: usize,
    },

    /// A metadata key is one that a filter could not name.
    #[error("metadata key `{key}` begins with `$`, which is kept for operators")]
    InvalidMetadataKey {
        /// The key.
        key: String,
    },

    /// A metadata value is of a type that cannot be kept.
    #[error(
        "metadata key `{key}` is {got}: expected a string, a number, a boolean or a list of strings"
    )]
    InvalidMetadata {
        /// The key.
        key: String,
        /// What its value is.
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

    /// A query asks for no match, or for too many.
    #[error("top_k {got} is not between 1 and {TOP_K_LIMIT}")]
    InvalidTopK {
        /// The number asked for.
        got: usize,
    },

    /// The database file is not the one any more that was opened.
    #[error("`{}` was deleted or moved while it was in use", path.display())]
    Gone {
        /// The file.
        path: PathBuf,
    },

    /// A page is asked for with a token that is no page's.
    #[error("`{got}` is no token of a page: expected the `next` of the one before")]
    InvalidToken {
        /// The token.
        got: String,
    },

    /// A filter has an operator that does not exist.
    #[error(
        "filter operator `{operator}` is unknown: expected `$eq`, `$ne`, `$gt`, `$gte`, `$lt`, \
         `$lte`, `$in`, `$nin`, `$exists`, `$and`, `$or` or `$not`"
    )]
    UnknownOperator {
        /// The operator.
        operator: String,
    },

    /// A filter's operand is not what its operator takes.
    #[error("filter `{place}` takes {expected}, not {got}")]
    InvalidFilter {
        /// The operator or field.
        place: String,
        /// What it takes.
        expected: &'static str,
        /// What it was given.
        got: &'static str,
    },

    /// A filter's `$in` or `$nin` lists too many values.
    #[error("filter `{place}` lists {got} values, the limit is {FILTER_VALUES_LIMIT}")]
    TooManyFilterValues {
        /// The operator.
        place: String,
        /// How many it lists.
        got: usize,
    },

    /// A sparse vector is none.
    #[error("the sparse vector is none: {what}")]
    InvalidSparse {
        /// What is wrong with it.
        what: String,
    },

    /// An index takes no sparse values.
    #[error("index `{index}` takes no sparse values: only those compared by `dotproduct` do")]
    NoSparseValues {
        /// The index.
        index: String,
    },

    /// An index of sparse vectors was given dense values, or none.
    #[error("index `{index}` has sparse vectors: expected sparse values, and no others")]
    SparseOnly {
        /// The index.
        index: String,
    },

    /// An index of sparse vectors was to compare them by another metric.
    #[error("sparse vectors are compared by `dotproduct`, not by `{got}`")]
    SparseMetric {
        /// The metric asked for.
        got: Metric,
    },

    /// An engine that does not exist was named.
    #[error("engine `{got}` is unknown: expected `embedded` or `pinecone`")]
    UnknownEngine {
        /// The engine's name.
        got: String,
    },

    /// There is no key to name to Pinecone.
    #[error("{KEY_VARIABLE} is missing or invalid")]
    NoKey,

    /// The address of a server is none.
    #[error("`{got}` is not the address of a server: {expected}")]
    InvalidHost {
        /// What was given.
        got: String,
        /// What was expected.
        expected: &'static str,
    },

    /// A client could not be set up.
    #[error("requests to Pinecone cannot be made")]
    Client {
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    /// A server refused the key.
    #[error("`{host}` refused the key")]
    KeyRefused {
        /// The server.
        host: String,
    },

    /// A server could not be reached, or the connection broke.
    #[error("`{host}` cannot be reached")]
    Unreachable {
        /// The server.
        host: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    /// A server did not answer.
    #[error("`{host}` did not answer within {seconds} s")]
    Silent {
        /// The server.
        host: String,
        /// How long was waited for it each time.
        seconds: u64,
    },

    /// A server refused a request.
    #[error("`{host}` refused a request: {message} (status {status})")]
    Refused {
        /// The server.
        host: String,
        /// The status of its answer.
        status: u16,
        /// What it said.
        message: String,
    },

    /// A server's answer is not what Pinecone's API has.
    #[error("`{host}` does not answer as Pinecone does: {what}")]
    NotPinecone {
        /// The server.
        host: String,
        /// What is wrong with its answer.
        what: String,
    },

    /// An index was not ready in time.
    #[error("index `{name}` is not ready after {seconds} s: its state is `{state}`")]
    NotReady {
        /// The index.
        name: String,
        /// How long was waited.
        seconds: u64,
        /// Its state.
        state: String,
    },

    /// An engine cannot do something.
    #[error("the engine `{engine}` cannot {what}")]
    Unsupported {
        /// The engine.
        engine: EngineKind,
        /// What it cannot.
        what: &'static str,
    },

    /// A filter is nested too deeply.
    #[error("the filter is nested deeper than {FILTER_DEPTH_LIMIT} levels")]
    FilterTooDeep,
}

impl Error {
    /// Whether the database's file is damaged, or none of this program's.
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
