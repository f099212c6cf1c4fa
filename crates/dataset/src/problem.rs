use std::borrow::Cow;
use std::error::Error;
use std::fmt::{self, Display, Formatter};
use std::io;
use std::path::PathBuf;

/// A file or a row that couldn't become a record. It doesn't stop the reading.
#[derive(Debug)]
pub struct Problem {
    /// The table, or the file or folder itself.
    pub file: PathBuf,
    /// The line of the table on which the row begins, from 1. In Parquet and JSON arrays, the row from 1.
    pub line: Option<u64>,
    /// The reason.
    pub reason: ProblemReason,
}

impl Display for Problem {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        ListedProblem::from(self).fmt(f)
    }
}

/// A [`Problem`] as text, as stored in a [`Listing`](crate::Listing).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedProblem {
    /// The table, or the file or folder itself. Names that aren't UTF-8 have replacement characters.
    pub file: String,
    /// The line of the table on which the row begins, as in [`Problem::line`].
    pub line: Option<u64>,
    /// The reason as one of a few fixed phrases, to count problems by: [`ProblemReason::summary`].
    pub summary: String,
    /// The reason in full.
    pub message: String,
    /// The underlying error of the system.
    pub cause: Option<String>,
}

impl From<&Problem> for ListedProblem {
    fn from(problem: &Problem) -> Self {
        let Problem { file, line, reason } = problem;
        Self {
            file: file.to_string_lossy().into_owned(),
            line: *line,
            summary: reason.summary().to_owned(),
            message: reason.to_string(),
            cause: reason.source().map(ToString::to_string),
        }
    }
}

impl Display for ListedProblem {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file)?;
        if let Some(line) = self.line {
            write!(f, "{line}:")?;
        }
        write!(f, " {}", self.message)?;
        match &self.cause {
            Some(cause) => write!(f, ": {cause}"),
            None => Ok(()),
        }
    }
}

/// Why a file or a row was skipped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProblemReason {
    /// The file, folder or link's target can't be read.
    #[error("cannot be read")]
    Unreadable {
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// A symbolic link whose target does not exist, or that leads to itself.
    #[error("broken link")]
    BrokenLink,
    /// A file or folder whose name is not valid UTF-8.
    #[error("name is not valid UTF-8")]
    NameNotUtf8,
    /// One of several sources isn't a folder, a picture or a table.
    #[error("is not a folder, a picture or a table")]
    NotASource,
    /// The picture's format is known by its extension but unsupported, such as JPEG 2000.
    #[error("pictures in the format `{extension}` are not supported")]
    FormatNotRead {
        /// The file's extension in lower case.
        extension: String,
    },
    /// A row names a file that does not exist.
    #[error("no such file `{}`", start(path))]
    NoSuchFile {
        /// The path in the row.
        path: String,
    },
    /// A row names something that isn't a file.
    #[error("`{}` is not a file", start(path))]
    NotAFile {
        /// The path in the row.
        path: String,
    },
    /// A row has no path, or an empty one.
    #[error("no path")]
    NoPath,
    /// A row names its picture by an invalid or unsupported URL.
    #[error(
        "`{}` is not a supported URL: expected http:// or https://",
        start(url)
    )]
    Url {
        /// The URL in the row.
        url: String,
    },
    /// A row has a malformed or empty `data:` URL.
    #[error("`{}` is malformed: expected data:image/…;base64,…", start(url))]
    DataUrl {
        /// The URL in the row.
        url: String,
    },
    /// A picture is on a server, but a local one is needed.
    #[error("`{url}` must be downloaded first: `clipseek download` writes a table of the files")]
    NotHere {
        /// The URL.
        url: String,
    },
    /// Another picture of the listing has the row's id.
    #[error("id `{}` already names another picture", start(id))]
    DuplicateId {
        /// The id.
        id: String,
    },
    /// A row gives another id to a picture that has one: if two products share a photograph, the first
    /// counts.
    #[error(
        "id `{}` is ignored: the picture already has id `{}`",
        start(id),
        start(holder)
    )]
    OtherId {
        /// The id.
        id: String,
        /// The picture's id.
        holder: String,
    },
    /// A row has more or fewer cells than the header.
    #[error("got {got} cells, expected {expected}")]
    UnequalLength {
        /// The number of cells in the row.
        got: usize,
        /// The number of cells in the header.
        expected: usize,
    },
    /// A quoted cell is never closed, so the rest of the table is inside it.
    #[error("quoted cell is not closed before the end of the table")]
    OpenQuote,
    /// A quoted cell continues after its closing quotation mark.
    #[error(
        "text after the closing quotation mark of a cell: write a quotation mark inside a cell as `\"\"`"
    )]
    TextAfterQuote,
    /// A cell isn't valid UTF-8.
    #[error("column `{column}` is not valid UTF-8")]
    CellNotUtf8 {
        /// The cell's column.
        column: String,
    },
    /// A cell of a text table isn't valid UTF-8. It may be Windows-1252.
    #[error(
        "column `{column}` is not valid UTF-8: convert the table, for example with `iconv -f WINDOWS-1252 -t UTF-8`"
    )]
    TextNotUtf8 {
        /// The cell's column.
        column: String,
    },
    /// Further rows of a text table aren't valid UTF-8.
    #[error("{rows} more row{} not valid UTF-8", if *rows == 1 { " is" } else { "s are" })]
    MoreNotUtf8 {
        /// The number of rows after the first.
        rows: u64,
    },
    /// A line of a JSON Lines table isn't valid JSON.
    #[error("not valid JSON: {message}")]
    InvalidJson {
        /// The parser's error.
        message: String,
    },
    /// A JSON object has a duplicate key.
    #[error("duplicate key `{}`", start(key))]
    RepeatedKey {
        /// The key.
        key: String,
    },
    /// A line of a JSON Lines table is JSON, but not an object.
    #[error("not a JSON object")]
    NotAnObject,
    /// A line is longer than a row can be.
    #[error("line is longer than {limit} bytes")]
    LineTooLong {
        /// The maximum length of a line.
        limit: u64,
    },
}

impl ProblemReason {
    /// The reason as one of a few fixed phrases, to count problems by.
    #[must_use]
    pub fn summary(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "cannot be read",
            Self::BrokenLink => "broken link",
            Self::NameNotUtf8 => "name is not UTF-8",
            Self::NotASource => "not a picture",
            Self::FormatNotRead { .. } => "format not read",
            Self::NoSuchFile { .. } => "no such file",
            Self::NotAFile { .. } => "not a file",
            Self::NoPath => "no path",
            Self::Url { .. } => "not a URL",
            Self::DataUrl { .. } => "not a URL",
            Self::NotHere { .. } => "URL",
            Self::DuplicateId { .. } => "duplicate id",
            Self::OtherId { .. } => "two ids of one picture",
            Self::UnequalLength { .. } => "unequal row length",
            Self::OpenQuote => "open quote",
            Self::TextAfterQuote => "text after quote",
            Self::CellNotUtf8 { .. } | Self::TextNotUtf8 { .. } | Self::MoreNotUtf8 { .. } => {
                "cell is not UTF-8"
            }
            Self::InvalidJson { .. } => "not valid JSON",
            Self::RepeatedKey { .. } => "repeated key",
            Self::NotAnObject => "not a JSON object",
            Self::LineTooLong { .. } => "line too long",
        }
    }
}

/// The beginning of a long text, for a message.
fn start(text: &str) -> Cow<'_, str> {
    const SHOWN: usize = 200;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}
