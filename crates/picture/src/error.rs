use std::{borrow::Cow, io, path::PathBuf};

use crate::Format;

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The cause inside an error, from the system or from a format's decoder.
pub(crate) type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file could not be opened or read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The path leads to something without an end or without content of its own.
    #[error("`{}` is {kind}, not a file", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// What it is instead: "a folder", "a pipe".
        kind: &'static str,
    },
    /// There are no bytes at all.
    #[error("no bytes, expected a picture")]
    Empty,
    /// The bytes begin like none of the formats read here.
    #[error("not a picture of a known format")]
    NotAPicture,
    /// The file is larger than the limit.
    #[error("{bytes} bytes or more, expected at most {limit}")]
    TooManyBytes {
        /// The size, as far as it was looked at.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// The picture is larger than the limit.
    #[error("{width}x{height} pixels, expected at most {limit}")]
    TooManyPixels {
        /// The width in the file's header.
        width: u32,
        /// The height in the file's header.
        height: u32,
        /// The limit on their product.
        limit: u64,
    },
    /// The picture has no width or no height.
    #[error("{width}x{height} pixels, expected at least 1x1")]
    NoPixels {
        /// The width.
        width: u32,
        /// The height.
        height: u32,
    },
    /// Decoding would take more memory than pictures within the limits need.
    #[error("the {} decoder needs more memory than its limit of {limit} bytes", format.name())]
    TooMuchMemory {
        /// The format.
        format: Format,
        /// The limit.
        limit: u64,
    },
    /// Decoding took more time than a picture of its size needs.
    #[error("the {} decoder needs more time than its limit of {seconds} s", format.name())]
    TooMuchTime {
        /// The format.
        format: Format,
        /// The limit, in seconds.
        seconds: u64,
    },
    /// There is no process to decode in: see [`decoder_process`](crate::decoder_process).
    #[error("cannot start a process to decode {}", format.name())]
    NoDecoder {
        /// The format.
        format: Format,
        /// What the system said.
        source: io::Error,
    },
    /// The file ends before the picture does.
    #[error("{} file ends too early", format.name())]
    Truncated {
        /// The format.
        format: Format,
    },
    /// The file breaks the rules of its format.
    #[error("damaged {} file", format.name())]
    Damaged {
        /// The format.
        format: Format,
        /// What the decoder said, for who looks after it. Left out of the message and its causes.
        cause: Cause,
    },
    /// The file is of a kind, within its format, that cannot be read here.
    #[error("unsupported: {kind}")]
    Unsupported {
        /// The format.
        format: Format,
        /// The kind, in words for people: "Apple CgBI PNG".
        kind: Cow<'static, str>,
    },
    /// The decoder met a state that its authors thought impossible.
    #[error("damaged {} file, at which the decoder failed", format.name())]
    DecoderFailed {
        /// The format.
        format: Format,
        /// The decoder's last words, for who looks after it. Left out of the message.
        message: String,
    },
    /// Pixels that do not fit the width and height given with them.
    #[error("{got} bytes of pixels for {width}x{height}, expected {expected}")]
    WrongLength {
        /// The width.
        width: u32,
        /// The height.
        height: u32,
        /// Three times width times height.
        expected: u64,
        /// The bytes there were.
        got: u64,
    },
    /// Text that is no content hash.
    #[error("`{text}` is not a content hash, expected 64 hexadecimal digits")]
    NotAHash {
        /// The text.
        text: String,
    },
}

impl Error {
    /// The error for what a decoder can't do, without saying why.
    pub(crate) fn unsupported(format: Format) -> Error {
        let kind = format!("a rare kind of {}", format.name()).into();
        Error::Unsupported { format, kind }
    }

    /// Why, in a few fixed words that reports can be grouped by.
    pub fn reason(&self) -> &'static str {
        match self {
            Error::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => "not found",
            Error::Read { .. } => "unreadable",
            Error::NotAFile { .. } => "not a file",
            Error::Empty => "empty",
            Error::NotAPicture => "not a picture",
            Error::TooManyBytes { .. } => "too many bytes",
            Error::TooManyPixels { .. } => "too many pixels",
            Error::NoPixels { .. } => "no pixels",
            Error::TooMuchMemory { .. } => "too much memory",
            Error::TooMuchTime { .. } => "too much time",
            Error::NoDecoder { .. } => "no decoder",
            Error::Truncated { .. } => "truncated",
            Error::Damaged { .. } | Error::DecoderFailed { .. } => "damaged",
            Error::Unsupported { .. } => "unsupported",
            Error::WrongLength { .. } => "wrong length",
            Error::NotAHash { .. } => "not a hash",
        }
    }
}
