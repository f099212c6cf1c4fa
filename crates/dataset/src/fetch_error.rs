use std::time::Duration;

use net::Again;

/// Why a picture could not be fetched. Addresses are named without name and password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// Not an address.
    #[error("`{text}` is no URL: {fault}")]
    Address {
        /// What was given.
        text: String,
        /// What is wrong with it.
        fault: String,
    },
    /// An address of another kind.
    #[error("`{text}` is not a URL that can be fetched: expected http://, https:// or file://")]
    Scheme {
        /// What was given.
        text: String,
    },
    /// The name of the host leads nowhere.
    #[error("there is no host of `{url}`")]
    NoSuchHost {
        /// The address.
        url: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The host is not on the internet.
    #[error("`{url}` is at a private address")]
    PrivateAddress {
        /// The address.
        url: String,
    },
    /// There is no connection.
    #[error("`{url}` could not be reached")]
    Unreachable {
        /// The address.
        url: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The server's certificate is not trusted.
    #[error("the certificate of `{url}` is not trusted")]
    Untrusted {
        /// The address.
        url: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The connection could not be secured.
    #[error("no secure connection to `{url}`")]
    Tls {
        /// The address.
        url: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// Nothing came for too long.
    #[error("`{url}` sent nothing for {} s", limit.as_secs_f32())]
    Stalled {
        /// The address.
        url: String,
        /// For so long.
        limit: Duration,
    },
    /// What came was too little.
    #[error("`{url}` sent less than {least} bytes in {} s", limit.as_secs_f32())]
    Trickled {
        /// The address.
        url: String,
        /// So many bytes would have been enough.
        least: u64,
        /// In so long.
        limit: Duration,
    },
    /// It all took too long.
    #[error("`{url}` was not there after {} s", limit.as_secs_f32())]
    TooSlow {
        /// The address.
        url: String,
        /// After so long.
        limit: Duration,
    },
    /// The connection ended too early.
    #[error("the connection broke off before `{url}` was there")]
    BrokenOff {
        /// The address.
        url: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The response is not HTTP, or breaks its rules beyond what is put up with.
    #[error("the server's response to `{url}` is not valid HTTP")]
    Malformed {
        /// The address.
        url: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The server says no.
    #[error("the server answered {status} to `{url}`")]
    Status {
        /// The address.
        url: String,
        /// The number and its words.
        status: reqwest::StatusCode,
        /// How long it asks to wait.
        wait: Option<Duration>,
    },
    /// The server says that the picture is not for machines.
    #[error("the server does not want `{url}` to be used so: `{header}`")]
    OptedOut {
        /// The address.
        url: String,
        /// What it says.
        header: String,
    },
    /// A redirect that is not followed.
    #[error("`{url}` redirects {fault}")]
    Redirect {
        /// The address that redirects.
        url: String,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// More bytes than a picture may have.
    #[error("`{url}` is larger than {limit} bytes")]
    TooLarge {
        /// The address.
        url: String,
        /// The most that a picture may have.
        limit: u64,
    },
    /// Nothing in the place of a picture.
    #[error("`{url}` is empty")]
    Empty {
        /// The address.
        url: String,
    },
    /// A body that was packed, and cannot be unpacked.
    #[error("`{url}` is packed in a way that is not read: `{encoding}`")]
    Encoding {
        /// The address.
        url: String,
        /// How.
        encoding: String,
    },
    /// A page in the place of a picture.
    #[error("`{url}` is a page, not a picture")]
    Page {
        /// The address.
        url: String,
    },
    /// Bytes that are none of a picture.
    #[error("`{url}` is not a picture")]
    NotAPicture {
        /// The address.
        url: String,
    },
    /// Connections cannot be secured.
    #[error(transparent)]
    Web(#[from] net::Error),
    /// The client could not be set up.
    #[error("the client that fetches pictures could not be set up")]
    Client {
        /// Why.
        #[source]
        source: reqwest::Error,
    },
}

impl FetchError {
    /// Whether another attempt may succeed.
    pub(crate) fn again(&self) -> Again {
        match self {
            Self::Status { status, wait, .. } => match (status.as_u16(), wait) {
                (429 | 503, Some(wait)) => Again::After(*wait),
                (408 | 425 | 429 | 500 | 502 | 503 | 504, _) => Again::Soon,
                _ => Again::Never,
            },
            Self::BrokenOff { .. } => Again::Soon,
            Self::Unreachable { .. } | Self::Stalled { .. } => Again::Briefly,
            _ => Again::Never,
        }
    }

    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Address { .. } => "expected something like https://example.org/beach.jpg",
            Self::Scheme { .. }
            | Self::Malformed { .. }
            | Self::Empty { .. }
            | Self::Encoding { .. }
            | Self::Page { .. }
            | Self::NotAPicture { .. } => {
                "give the address of the picture itself, or save it and name the file"
            }
            Self::PrivateAddress { .. } => "`--allow-private` lets it",
            Self::OptedOut { .. } => "`--ignore-opt-out` takes it nevertheless",
            Self::Unreachable { .. } | Self::NoSuchHost { .. } => {
                "see whether the address is right and the network is there; HTTPS_PROXY and HTTP_PROXY name a proxy"
            }
            Self::Untrusted { .. } => {
                "SSL_CERT_FILE names other certificates to trust, as that of a proxy that opens connections"
            }
            Self::Tls { .. }
            | Self::Stalled { .. }
            | Self::Trickled { .. }
            | Self::TooSlow { .. }
            | Self::BrokenOff { .. } => "try again later",
            Self::Status { status, .. } => match status.as_u16() {
                401 | 403 => "the server gives it to some only; save it and name the file",
                404 | 410 => "see whether the address is right",
                429 | 500.. => "try again later",
                _ => "see whether the address is right, or save the picture and name the file",
            },
            Self::Redirect { .. } => "give the address that it leads to in the end",
            Self::TooLarge { .. } => "save it, make it smaller and name the file",
            Self::Web(error) => return error.hint(),
            Self::Client { .. } => return None,
        };
        Some(hint.to_owned())
    }
}
