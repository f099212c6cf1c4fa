use std::fmt;

use crate::FetchError;

/// Why a row of a list came to no picture, in a few fixed words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The row could not be read, or names no picture.
    BadRow,
    /// What the row has is no URL that can be fetched.
    InvalidUrl,
    /// A file that is not there or cannot be read.
    NoSuchFile,
    /// The host is not on the internet.
    PrivateAddress,
    /// The name of the host leads nowhere.
    NoSuchHost,
    /// There is no connection.
    Unreachable,
    /// The connection could not be secured.
    Tls,
    /// Nothing came for too long.
    Stalled,
    /// It came too slowly.
    TooSlow,
    /// The connection ended too early.
    BrokenOff,
    /// A redirect that is not followed.
    BadRedirect,
    /// A response that is not valid HTTP.
    BadResponse,
    /// The server says no; its status says how.
    HttpError,
    /// The server says that the picture is not for machines.
    OptedOut,
    /// More bytes than a picture may have.
    TooManyBytes,
    /// Nothing came.
    Empty,
    /// Packed in a way that is not read.
    UnknownEncoding,
    /// A page, or other bytes that are no picture.
    NotAPicture,
    /// A picture that cannot be decoded.
    Damaged,
    /// More pixels than a picture may have.
    TooManyPixels,
}

impl Reason {
    /// All of them.
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

    /// The words.
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

    /// The reason with these words.
    pub(super) fn of_words(words: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.words() == words)
    }

    /// The reason that an error of fetching comes to; `None` for one that is not the address's.
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

    /// The reason why bytes are no picture.
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
