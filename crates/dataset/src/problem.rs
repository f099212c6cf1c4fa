use std::borrow::Cow;
use std::error::Error;
use std::fmt::{self, Display, Formatter};
use std::io;
use std::path::PathBuf;

/// A file or a row that could not become a record. Reading goes on after it.
#[derive(Debug)]
pub struct Problem {
    /// The table, or the file or folder itself.
    pub file: PathBuf,
    /// The line of the table on which the row begins, from 1; in Parquet and JSON arrays the row, from 1.
    pub line: Option<u64>,
    /// What is wrong.
    pub reason: ProblemReason,
}

impl Display for Problem {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        ListedProblem::from(self).fmt(f)
    }
}

/// A [`Problem`] as text, the form in which a [`Listing`](crate::Listing) stores it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedProblem {
    /// The table, or the file or folder itself. Names that aren't UTF-8 have replacement characters.
    pub file: String,
    /// The line of the table on which the row begins, as in [`Problem::line`].
    pub line: Option<u64>,
    /// The reason in a few fixed words, to count problems by: [`ProblemReason::summary`].
    pub summary: String,
    /// The reason in full.
    pub message: String,
    /// The error behind the reason, in the system's words.
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
    /// The file, folder or link's target could not be read.
    #[error("cannot be read")]
    Unreadable {
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A symbolic link whose target does not exist, or that leads to itself.
    #[error("broken link")]
    BrokenLink,
    /// A file or folder whose name is not valid UTF-8.
    #[error("name is not valid UTF-8")]
    NameNotUtf8,
    /// One of several sources is no folder, no picture and no table.
    #[error("is not a folder, a picture or a table")]
    NotASource,
    /// A picture in a format that is known by its name and not read: JPEG XL.
    #[error("pictures in the format `{extension}` are not read")]
    FormatNotRead {
        /// The file's extension in lower case.
        extension: String,
    },
    /// A row names a file that does not exist.
    #[error("no such file `{}`", start(path))]
    NoSuchFile {
        /// The path as the row has it.
        path: String,
    },
    /// A row names something that is not a file.
    #[error("`{}` is not a file", start(path))]
    NotAFile {
        /// The path as the row has it.
        path: String,
    },
    /// A row has no path, or an empty one.
    #[error("no path")]
    NoPath,
    /// A row names its picture by something that looks like a URL and is none that can be fetched.
    #[error(
        "`{}` is not a URL that can be fetched: expected http:// or https://",
        start(url)
    )]
    Url {
        /// The URL as the row has it.
        url: String,
    },
    /// A row has its picture as a `data:` URL that is malformed or empty.
    #[error("`{}` is malformed: expected data:image/…;base64,…", start(url))]
    DataUrl {
        /// The URL as the row has it.
        url: String,
    },
    /// A picture is on a server, where one is wanted that is here.
    #[error(
        "`{url}` has to be fetched first: `clipseek download` does, and writes a table of the files"
    )]
    NotHere {
        /// The URL.
        url: String,
    },
    /// A row's id belongs to another picture of the same listing.
    #[error("id `{}` already names another picture", start(id))]
    DuplicateId {
        /// The id.
        id: String,
    },
    /// A row gives another id to a picture that has one: of two products with one photograph the first counts.
    #[error(
        "id `{}` is left out: the picture is already that of id `{}`",
        start(id),
        start(holder)
    )]
    OtherId {
        /// The id.
        id: String,
        /// The id that the picture has.
        holder: String,
    },
    /// A row has more or fewer cells than the header.
    #[error("got {got} cells, expected {expected}")]
    UnequalLength {
        /// Cells in the row.
        got: usize,
        /// Cells in the header.
        expected: usize,
    },
    /// A quotation mark opens a cell and none closes it: the rest of the table is inside.
    #[error("quoted cell is not closed before the end of the table")]
    OpenQuote,
    /// A quoted cell goes on after its closing quotation mark.
    #[error(
        "text after the closing quotation mark of a cell: write a quotation mark inside a cell as `\"\"`"
    )]
    TextAfterQuote,
    /// A cell is not valid UTF-8.
    #[error("column `{column}` is not valid UTF-8")]
    CellNotUtf8 {
        /// The cell's column.
        column: String,
    },
    /// A cell of a text is not valid UTF-8; it may be Windows-1252.
    #[error(
        "column `{column}` is not valid UTF-8: convert the table, for example with `iconv -f WINDOWS-1252 -t UTF-8`"
    )]
    TextNotUtf8 {
        /// The cell's column.
        column: String,
    },
    /// Further rows of a text are not valid UTF-8.
    #[error("{rows} more row{} not valid UTF-8", if *rows == 1 { " is" } else { "s are" })]
    MoreNotUtf8 {
        /// How many, after the first.
        rows: u64,
    },
    /// A line of a JSON Lines table is not valid JSON.
    #[error("not valid JSON: {message}")]
    InvalidJson {
        /// What the parser said.
        message: String,
    },
    /// A JSON object has two members of one name.
    #[error("key `{}` is there twice", start(key))]
    RepeatedKey {
        /// The name.
        key: String,
    },
    /// A line of a JSON Lines table is JSON, but no object.
    #[error("not a JSON object")]
    NotAnObject,
    /// A line is longer than a row can be.
    #[error("line is longer than {limit} bytes")]
    LineTooLong {
        /// The longest line that is read.
        limit: u64,
    },
}

impl ProblemReason {
    /// The reason in a few fixed words, to count problems by.
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
