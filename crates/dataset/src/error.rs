use std::io;
use std::path::{Path, PathBuf};

/// The result of reading a source or writing embeddings.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a source could not be read or embeddings could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The source does not exist or cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file is no picture and no table.
    #[error(
        "`{}` is not a folder, a picture or a table: expected .csv, .tsv, .txt, .json, .jsonl, .ndjson or .parquet",
        path.display()
    )]
    UnknownKind {
        /// The file.
        path: PathBuf,
    },
    /// A data set of the hub has no such configuration or split, or has several of which one has to be
    /// named.
    #[error("{}", no_such_part(repository, what, wanted.as_deref(), there))]
    NoSuchPart {
        /// The data set.
        repository: String,
        /// `configuration` or `split`.
        what: &'static str,
        /// The one that was asked for.
        wanted: Option<String>,
        /// Those that there are.
        there: Vec<String>,
    },
    /// The hub did not answer, or not with what was asked for.
    #[error(transparent)]
    Hub(#[from] hub::Error),
    /// There is no table where one is wanted.
    #[error("`{}` is not a table and no folder of tables", path.display())]
    NoTable {
        /// The file or folder.
        path: PathBuf,
    },
    /// A pattern of files to exclude is malformed.
    #[error("`{pattern}` is not a pattern of files to exclude")]
    Exclude {
        /// The pattern as given.
        pattern: String,
        /// What is wrong with it.
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
    /// A table has no bytes.
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
    /// Two columns of a table have one name.
    #[error("`{}` has two columns named `{column}`: rename one of them", path.display())]
    RepeatedColumn {
        /// The table.
        path: PathBuf,
        /// The name.
        column: String,
    },
    /// A file is one JSON object.
    #[error("{}", one_object(path, keys))]
    OneObject {
        /// The file.
        path: PathBuf,
        /// The first keys of the object.
        keys: Vec<String>,
    },
    /// No column of a table has a usual name for a picture's path.
    #[error(
        "no column of `{}` is known to hold the pictures' paths, got {}: name it with `--path-column`",
        path.display(),
        list(columns)
    )]
    NoPathColumn {
        /// The table.
        path: PathBuf,
        /// The columns that it has.
        columns: Vec<String>,
    },
    /// A column that was asked for by name is not in the table, or holds no text.
    #[error(
        "no column `{column}` in `{}` for `{flag}`, got {}",
        path.display(),
        list(columns)
    )]
    NoSuchColumn {
        /// The table.
        path: PathBuf,
        /// The column asked for.
        column: String,
        /// The flag that asks for it.
        flag: &'static str,
        /// The columns that it has.
        columns: Vec<String>,
    },
    /// A Parquet table is damaged, or made in a way that is not read.
    #[error("cannot read `{}` as Parquet", path.display())]
    Parquet {
        /// The table.
        path: PathBuf,
        /// What the reader said.
        #[source]
        source: parquet::errors::ParquetError,
    },
    /// Embeddings could not be written.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// The file that was to be.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A [`Listing`](crate::Listing) cannot be written or read, most likely because the disk is full.
    #[error("cannot store the list of pictures: check the free space of the temporary folder")]
    Listing {
        /// What SQLite said.
        #[from]
        source: rusqlite::Error,
    },
    /// A vector's length differs from that of the others in its file.
    #[error("got a vector of dimension {got}, expected {expected}")]
    Dimension {
        /// The vector's length.
        got: usize,
        /// The file's dimension.
        expected: usize,
    },
}

impl Error {
    /// What makes an [`Error::Read`] of what the system says about the file or folder at `path`.
    pub(crate) fn read(path: &Path) -> impl Fn(io::Error) -> Self {
        move |source| Self::Read {
            path: path.to_owned(),
            source,
        }
    }

    /// What makes an [`Error::Write`] of what the system says about the file at `path`.
    pub(crate) fn write(path: &Path) -> impl Fn(io::Error) -> Self {
        move |source| Self::Write {
            path: path.to_owned(),
            source,
        }
    }
}

/// Column names for a message, cut where the list gets long.
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
    let form = match has("images") {
        true => "annotations as COCO has them",
        false => "one JSON object",
    };
    format!(
        "`{}` is {form}, with {}: expected an object for each picture, in an array or one a line",
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
            "data set `{repository}` has several {what}s, of which one has to be named: {}",
            list(there)
        ),
    }
}
