use std::fmt;

use crate::FetchError;

/// Why a row of a list has no picture, as one of a few fixed phrases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The row can't be read, or names no picture.
    BadRow,
    /// The URL is invalid or unsupported.
    InvalidUrl,
    /// The file doesn't exist or can't be read.
    NoSuchFile,
    /// The host has a private IP address.
    PrivateAddress,
    /// The host's name can't be resolved.
    NoSuchHost,
    /// The connection failed.
    Unreachable,
    /// The TLS connection failed.
    Tls,
    /// The server sent nothing for too long.
    Stalled,
    /// The server sent too slowly.
    TooSlow,
    /// The connection ended too early.
    BrokenOff,
    /// The redirect can't be followed.
    BadRedirect,
    /// The response isn't valid HTTP.
    BadResponse,
    /// The server responded with an error status.
    HttpError,
    /// The server opts out of use by machines.
    OptedOut,
    /// The picture has too many bytes.
    TooManyBytes,
    /// The body is empty.
    Empty,
    /// The body's compression is unknown.
    UnknownEncoding,
    /// The body is a web page, or not a picture.
    NotAPicture,
    /// The picture can't be decoded.
    Damaged,
    /// The picture has too many pixels.
    TooManyPixels,
}

impl Reason {
    /// All reasons.
    pub const ALL: [Self; 20] = [
        Self::BadRow,
        Self::InvalidUrl,
        Self::NoSuchFile,
        Self::PrivateAddress,
        Self::NoSuchHost,
        Self::Unreachable,
        Self::Tls,
        Self::Stalled,
        Self::TooSlow,
        Self::BrokenOff,
        Self::BadRedirect,
        Self::BadResponse,
        Self::HttpError,
        Self::OptedOut,
        Self::TooManyBytes,
        Self::Empty,
        Self::UnknownEncoding,
        Self::NotAPicture,
        Self::Damaged,
        Self::TooManyPixels,
    ];

    /// The phrase.
    pub fn words(self) -> &'static str {
        match self {
            Self::BadRow => "bad row",
            Self::InvalidUrl => "invalid URL",
            Self::NoSuchFile => "no such file",
            Self::PrivateAddress => "private address",
            Self::NoSuchHost => "no such host",
            Self::Unreachable => "unreachable",
            Self::Tls => "TLS",
            Self::Stalled => "stalled",
            Self::TooSlow => "too slow",
            Self::BrokenOff => "broken off",
            Self::BadRedirect => "bad redirect",
            Self::BadResponse => "bad response",
            Self::HttpError => "HTTP error",
            Self::OptedOut => "opted out",
            Self::TooManyBytes => "too many bytes",
            Self::Empty => "empty",
            Self::UnknownEncoding => "unknown encoding",
            Self::NotAPicture => "not a picture",
            Self::Damaged => "damaged",
            Self::TooManyPixels => "too many pixels",
        }
    }

    /// The reason with this phrase.
    pub(super) fn of_words(words: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.words() == words)
    }

    /// The reason for a fetch error; `None` if the URL isn't to blame.
    pub(super) fn of_fetching(error: &FetchError) -> Option<Self> {
        Some(match error {
            FetchError::Address { .. } | FetchError::Scheme { .. } => Self::InvalidUrl,
            FetchError::PrivateAddress { .. } => Self::PrivateAddress,
            FetchError::NoSuchHost { .. } => Self::NoSuchHost,
            FetchError::Unreachable { .. } => Self::Unreachable,
            FetchError::Untrusted { .. } | FetchError::Tls { .. } => Self::Tls,
            FetchError::Stalled { .. } => Self::Stalled,
            FetchError::Trickled { .. } | FetchError::TooSlow { .. } => Self::TooSlow,
            FetchError::BrokenOff { .. } => Self::BrokenOff,
            FetchError::Redirect { .. } => Self::BadRedirect,
            FetchError::Malformed { .. } => Self::BadResponse,
            FetchError::Status { .. } => Self::HttpError,
            FetchError::OptedOut { .. } => Self::OptedOut,
            FetchError::TooLarge { .. } => Self::TooManyBytes,
            FetchError::Empty { .. } => Self::Empty,
            FetchError::Encoding { .. } => Self::UnknownEncoding,
            FetchError::Page { .. } | FetchError::NotAPicture { .. } => Self::NotAPicture,
            FetchError::Web(_) | FetchError::Client { .. } => return None,
        })
    }

    /// The reason for a decoding error.
    pub(super) fn of_decoding(error: &picture::Error) -> Self {
        match error {
            picture::Error::Read { .. } | picture::Error::NotAFile { .. } => Self::NoSuchFile,
            picture::Error::Empty => Self::Empty,
            picture::Error::NotAPicture => Self::NotAPicture,
            picture::Error::TooManyBytes { .. } => Self::TooManyBytes,
            picture::Error::TooManyPixels { .. } | picture::Error::TooMuchMemory { .. } => {
                Self::TooManyPixels
            }
            _ => Self::Damaged,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}
