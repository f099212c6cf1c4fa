use std::io;
use std::path::{Path, PathBuf};

/// The result of reading a source or writing embeddings.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Errors of reading a source or writing embeddings.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The source does not exist or cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The file is neither a picture nor a table.
    #[error(
        "`{}` is not a folder, a picture or a table: expected .csv, .tsv, .txt, .json, .jsonl, .ndjson or .parquet",
        path.display()
    )]
    UnknownKind {
        /// The file.
        path: PathBuf,
    },
    /// A data set on the Hub lacks the configuration or split, or has several and none was named.
    #[error("{}", no_such_part(repository, what, wanted.as_deref(), there))]
    NoSuchPart {
        /// The data set.
        repository: String,
        /// `configuration` or `split`.
        what: &'static str,
        /// The requested one.
        wanted: Option<String>,
        /// The existing ones.
        there: Vec<String>,
    },
    /// The Hub didn't respond as requested.
    #[error(transparent)]
    Hub(#[from] hub::Error),
    /// The path isn't a table or a folder of tables.
    #[error("`{}` is neither a table nor a folder of tables", path.display())]
    NoTable {
        /// The file or folder.
        path: PathBuf,
    },
    /// An exclude pattern is malformed.
    #[error("invalid exclude pattern `{pattern}`")]
    Exclude {
        /// The pattern as given.
        pattern: String,
        /// The fault.
        #[source]
        source: globset::Error,
    },
    /// A text table is in UTF-16 or UTF-32.
    #[error(
        "`{}` is UTF-16, expected UTF-8: convert it, for example with `iconv -f UTF-16 -t UTF-8`",
        path.display()
    )]
    Utf16 {
        /// The table.
        path: PathBuf,
    },
    /// A table is empty.
    #[error("`{}` is empty", path.display())]
    EmptyTable {
        /// The table.
        path: PathBuf,
    },
    /// The header of a table is not valid UTF-8.
    #[error(
        "header of `{}` is not valid UTF-8: convert the table, for example with `iconv -f WINDOWS-1252 -t UTF-8`",
        path.display()
    )]
    HeaderNotUtf8 {
        /// The table.
        path: PathBuf,
    },
    /// Two columns of a table have the same name.
    #[error("`{}` has two columns named `{column}`: rename one of them", path.display())]
    RepeatedColumn {
        /// The table.
        path: PathBuf,
        /// The name.
        column: String,
    },
    /// A JSON file is one object, not a table.
    #[error("{}", one_object(path, keys))]
    OneObject {
        /// The file.
        path: PathBuf,
        /// The first keys of the object.
        keys: Vec<String>,
    },
    /// No column of a table has a usual name for a picture's path.
    #[error(
        "cannot tell which column of `{}` has the pictures' paths, got {}: name it with `--path-column`",
        path.display(),
        list(columns)
    )]
    NoPathColumn {
        /// The table.
        path: PathBuf,
        /// The table's columns.
        columns: Vec<String>,
    },
    /// A requested column isn't in the table, or doesn't contain text.
    #[error(
        "no column `{column}` in `{}` for `{flag}`, got {}",
        path.display(),
        list(columns)
    )]
    NoSuchColumn {
        /// The table.
        path: PathBuf,
        /// The requested column.
        column: String,
        /// The flag that names it.
        flag: &'static str,
        /// The table's columns.
        columns: Vec<String>,
    },
    /// A Parquet table is damaged or uses unsupported features.
    #[error("cannot read `{}` as Parquet", path.display())]
    Parquet {
        /// The table.
        path: PathBuf,
        /// The reader's error.
        #[source]
        source: parquet::errors::ParquetError,
    },
    /// Embeddings could not be written.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// The file to write.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// A [`Listing`](crate::Listing) can't be written or read, probably because the disk is full.
    #[error("cannot store the list of pictures: check the free space of the temporary folder")]
    Listing {
        /// SQLite's error.
        #[from]
        source: rusqlite::Error,
    },
    /// A vector's dimension differs from that of the others in its file.
    #[error("got a vector of dimension {got}, expected {expected}")]
    Dimension {
        /// The vector's dimension.
        got: usize,
        /// The file's dimension.
        expected: usize,
    },
}

impl Error {
    /// Maps a system error to an [`Error::Read`] of `path`.
    pub(crate) fn read(path: &Path) -> impl Fn(io::Error) -> Self {
        move |source| Self::Read {
            path: path.to_owned(),
            source,
        }
    }

    /// Maps a system error to an [`Error::Write`] of `path`.
    pub(crate) fn write(path: &Path) -> impl Fn(io::Error) -> Self {
        move |source| Self::Write {
            path: path.to_owned(),
            source,
        }
    }
}

/// Column names for a message. A long list is truncated.
fn list(columns: &[String]) -> String {
    const SHOWN: usize = 30;
    if columns.is_empty() {
        return "no columns".to_owned();
    }
    let names: Vec<String> = columns
        .iter()
        .take(SHOWN)
        .map(|name| format!("`{name}`"))
        .collect();
    match columns.len().saturating_sub(SHOWN) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

fn one_object(path: &Path, keys: &[String]) -> String {
    let has = |name: &str| keys.iter().any(|key| key == name);
    let form = if has("images") {
        "annotations as COCO has them"
    } else {
        "one JSON object"
    };
    format!(
        "`{}` is {form}, with {}: expected an object for each picture, in an array or one per line",
        path.display(),
        list(keys)
    )
}

fn no_such_part(repository: &str, what: &str, wanted: Option<&str>, there: &[String]) -> String {
    match (wanted, there.is_empty()) {
        (_, true) => format!("data set `{repository}` has no Parquet files"),
        (Some(wanted), _) => format!(
            "data set `{repository}` has no {what} `{wanted}`, but {}",
            list(there)
        ),
        (None, _) => format!(
            "data set `{repository}` has several {what}s: name one of {}",
            list(there)
        ),
    }
}
