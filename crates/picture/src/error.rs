use std::{borrow::Cow, io, path::PathBuf};

use crate::Format;

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The cause of an error, from the system or a decoder.
pub(crate) type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a picture cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file could not be opened or read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The path leads to a folder, a pipe or a device.
    #[error("`{}` is {kind}, not a file", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// What it is instead: "a folder", "a pipe".
        kind: &'static str,
    },
    /// There are no bytes.
    #[error("no bytes, expected a picture")]
    Empty,
    /// The content matches no supported format.
    #[error("not a picture of a known format")]
    NotAPicture,
    /// The file is larger than the limit.
    #[error("{bytes} bytes or more, expected at most {limit}")]
    TooManyBytes {
        /// The size, or the part read so far.
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
    /// Decoding would take more memory than a picture within the limits needs.
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
    /// No process can be started to decode in: see [`decoder_process`](crate::decoder_process).
    #[error("cannot start a process to decode {}", format.name())]
    NoDecoder {
        /// The format.
        format: Format,
        /// The system's error.
        source: io::Error,
    },
    /// The file ends before the picture does.
    #[error("{} file ends too early", format.name())]
    Truncated {
        /// The format.
        format: Format,
    },
    /// The file violates its format.
    #[error("damaged {} file", format.name())]
    Damaged {
        /// The format.
        format: Format,
        /// The decoder's error, for developers. It is not part of the message or the sources.
        cause: Cause,
    },
    /// The file uses an unsupported variant of its format.
    #[error("unsupported: {kind}")]
    Unsupported {
        /// The format.
        format: Format,
        /// The variant, in words for people: "Apple CgBI PNG".
        kind: Cow<'static, str>,
    },
    /// The decoder panicked.
    #[error("damaged {} file: its decoder failed", format.name())]
    DecoderFailed {
        /// The format.
        format: Format,
        /// The decoder's message, for developers. It is not part of this error's message.
        message: String,
    },
    /// The number of pixels does not match the width and height.
    #[error("{got} bytes of pixels for {width}x{height}, expected {expected}")]
    WrongLength {
        /// The width.
        width: u32,
        /// The height.
        height: u32,
        /// Three times width times height.
        expected: u64,
        /// The number of bytes found.
        got: u64,
    },
    /// A text is not a content hash.
    #[error("`{text}` is not a content hash, expected 64 hexadecimal digits")]
    NotAHash {
        /// The text.
        text: String,
    },
}

impl Error {
    /// The error for a feature that the decoder does not support or name.
    pub(crate) fn unsupported(format: Format) -> Error {
        let kind = format!("a rare kind of {}", format.name()).into();
        Error::Unsupported { format, kind }
    }

    /// A short fixed phrase for grouping errors in reports.
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
