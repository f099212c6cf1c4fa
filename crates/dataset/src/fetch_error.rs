use std::time::Duration;

use net::RetryAdvice;

/// Why a picture couldn't be downloaded. URLs are shown without user name and password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The text isn't a valid URL.
    #[error("`{text}` is not a URL: {fault}")]
    Address {
        /// The given text.
        text: String,
        /// The fault.
        fault: String,
    },
    /// The URL has an unsupported scheme.
    #[error("`{text}` is not a supported URL: expected http://, https:// or file://")]
    Scheme {
        /// The given text.
        text: String,
    },
    /// The host's name can't be resolved.
    #[error("cannot resolve the host of `{url}`")]
    NoSuchHost {
        /// The URL.
        url: String,
        /// The cause.
        #[source]
        source: reqwest::Error,
    },
    /// The host has a private IP address.
    #[error("`{url}` is at a private address")]
    PrivateAddress {
        /// The URL.
        url: String,
    },
    /// The connection failed.
    #[error("cannot reach `{url}`")]
    Unreachable {
        /// The URL.
        url: String,
        /// The cause.
        #[source]
        source: reqwest::Error,
    },
    /// The server's certificate isn't trusted.
    #[error("the certificate of `{url}` is not trusted")]
    Untrusted {
        /// The URL.
        url: String,
        /// The cause.
        #[source]
        source: reqwest::Error,
    },
    /// The TLS connection failed.
    #[error("cannot connect securely to `{url}`")]
    Tls {
        /// The URL.
        url: String,
        /// The cause.
        #[source]
        source: reqwest::Error,
    },
    /// The server sent nothing for too long.
    #[error("`{url}` sent nothing for {} s", limit.as_secs_f32())]
    Stalled {
        /// The URL.
        url: String,
        /// The timeout.
        limit: Duration,
    },
    /// The server sent too little.
    #[error("`{url}` sent less than {least} bytes in {} s", limit.as_secs_f32())]
    Trickled {
        /// The URL.
        url: String,
        /// The minimum number of bytes.
        least: u64,
        /// The time for them.
        limit: Duration,
    },
    /// The whole request took too long.
    #[error("`{url}` was incomplete after {} s", limit.as_secs_f32())]
    TooSlow {
        /// The URL.
        url: String,
        /// The timeout.
        limit: Duration,
    },
    /// The connection ended too early.
    #[error("the connection ended before `{url}` was complete")]
    BrokenOff {
        /// The URL.
        url: String,
        /// The cause.
        #[source]
        source: reqwest::Error,
    },
    /// The response isn't valid HTTP.
    #[error("the server's response to `{url}` is not valid HTTP")]
    Malformed {
        /// The URL.
        url: String,
        /// The cause.
        #[source]
        source: reqwest::Error,
    },
    /// The server responded with an error status.
    #[error("the server answered {status} to `{url}`")]
    Status {
        /// The URL.
        url: String,
        /// The status code and its name.
        status: reqwest::StatusCode,
        /// The requested wait before a retry.
        wait: Option<Duration>,
    },
    /// The server opts out of use by machines.
    #[error("the server opts `{url}` out of use by machines: `{header}`")]
    OptedOut {
        /// The URL.
        url: String,
        /// The header.
        header: String,
    },
    /// The redirect can't be followed.
    #[error("`{url}` redirects {fault}")]
    Redirect {
        /// The URL that redirects.
        url: String,
        /// The fault.
        fault: &'static str,
    },
    /// The picture has too many bytes.
    #[error("`{url}` is larger than {limit} bytes")]
    TooLarge {
        /// The URL.
        url: String,
        /// The maximum number of bytes.
        limit: u64,
    },
    /// The body is empty.
    #[error("`{url}` is empty")]
    Empty {
        /// The URL.
        url: String,
    },
    /// The body's compression is damaged or unknown.
    #[error("cannot decode `{url}`, which is compressed as `{encoding}`")]
    Encoding {
        /// The URL.
        url: String,
        /// The content encoding.
        encoding: String,
    },
    /// The body is an HTML page.
    #[error("`{url}` is a web page, not a picture")]
    Page {
        /// The URL.
        url: String,
    },
    /// The body isn't a picture.
    #[error("`{url}` is not a picture")]
    NotAPicture {
        /// The URL.
        url: String,
    },
    /// TLS can't be set up.
    #[error(transparent)]
    Web(#[from] net::Error),
    /// The HTTP client can't be set up.
    #[error("cannot set up the HTTP client for pictures")]
    Client {
        /// The cause.
        #[source]
        source: reqwest::Error,
    },
}

impl FetchError {
    /// Whether to retry.
    pub(crate) fn retry_advice(&self) -> RetryAdvice {
        match self {
            Self::Status { status, wait, .. } => match (status.as_u16(), wait) {
                (429 | 503, Some(wait)) => RetryAdvice::After(*wait),
                (408 | 425 | 429 | 500 | 502 | 503 | 504, _) => RetryAdvice::WithBackoff,
                _ => RetryAdvice::Never,
            },
            Self::BrokenOff { .. } => RetryAdvice::WithBackoff,
            Self::Unreachable { .. } | Self::Stalled { .. } => RetryAdvice::Briefly,
            _ => RetryAdvice::Never,
        }
    }

    /// A hint for the user, if there is one.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Address { .. } => "expected something like https://example.org/beach.jpg",
            Self::Scheme { .. }
            | Self::Malformed { .. }
            | Self::Empty { .. }
            | Self::Encoding { .. }
            | Self::Page { .. }
            | Self::NotAPicture { .. } => {
                "use the URL of the picture itself, or save the picture and use its path"
            }
            Self::PrivateAddress { .. } => "allow it with `--allow-private`",
            Self::OptedOut { .. } => "fetch it anyway with `--ignore-opt-out`",
            Self::Unreachable { .. } | Self::NoSuchHost { .. } => {
                "check the URL and the network; set HTTPS_PROXY and HTTP_PROXY to use a proxy"
            }
            Self::Untrusted { .. } => {
                "set SSL_CERT_FILE to trust other certificates, such as those of a TLS-inspecting proxy"
            }
            Self::Tls { .. }
            | Self::Stalled { .. }
            | Self::Trickled { .. }
            | Self::TooSlow { .. }
            | Self::BrokenOff { .. } => "try retry_advice later",
            Self::Status { status, .. } => match status.as_u16() {
                401 | 403 => "the server restricts access; save the picture and use its path",
                404 | 410 => "check the URL",
                429 | 500.. => "try retry_advice later",
                _ => "check the URL, or save the picture and use its path",
            },
            Self::Redirect { .. } => "use the final URL",
            Self::TooLarge { .. } => "save the picture, make it smaller and use its path",
            Self::Web(error) => return error.hint(),
            Self::Client { .. } => return None,
        };
        Some(hint.to_owned())
    }
}
