/// Why the gateway refused a request. Each API formats it in its own way.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum Refusal {
    /// HTTP/1.1 requires the header `Host`.
    #[error("the header `Host` is missing; HTTP/1.1 requires it")]
    MissingHost,
    /// The name in `Host` is not a name of this server, which has no keys.
    #[error(
        "without API keys, only the server's address and `localhost` are allowed as host, not `{host}`"
    )]
    ForeignHost {
        /// The name.
        host: String,
    },
    /// A page of another site sent the request to a server without keys.
    #[error("without API keys, requests from pages of other sites are refused")]
    ForeignOrigin,
    /// The client sent no valid key.
    #[error("the API key is missing or invalid")]
    InvalidKey,
    /// The key is read-only, and the request writes.
    #[error("this API key is read-only")]
    ReadOnlyKey,
    /// The key is limited, and the request concerns the whole server.
    #[error("this API key is limited to some collections or columns")]
    LimitedKey,
    /// The key does not see the index. The answer is the same as for a missing index.
    #[error("index `{name}` does not exist")]
    NoIndex {
        /// The index.
        name: Box<str>,
    },
    /// The key has exceeded its rate limit.
    #[error("rate limit exceeded; try again later")]
    RateLimited {
        /// Seconds until a retry may succeed.
        retry_after: u64,
    },
    /// As many requests are in progress as the limits allow.
    #[error("too many requests in progress; try again later")]
    Busy,
    /// As many connections are open as the limits allow.
    #[error("too many connections; try again later")]
    TooManyConnections,
    /// The body of the request did not arrive in time.
    #[error("the body did not arrive within {limit} seconds")]
    SlowBody {
        /// The time limit in seconds.
        limit: f64,
    },
    /// The work took too long.
    #[error("the request was not answered within {limit} seconds{}", aftermath(.writes))]
    TimedOut {
        /// The time limit in seconds.
        limit: f64,
        /// Whether the request writes.
        writes: bool,
    },
}

fn aftermath(writes: &bool) -> &'static str {
    if *writes {
        "; the change may still be made"
    } else {
        ""
    }
}

/// The reasons for refusals, as metrics and the log name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    Key,
    ReadOnly,
    Bounds,
    Page,
    Rate,
    Busy,
    Connections,
    SlowBody,
    Time,
}

impl Refusal {
    /// The reason that metrics and the log name. A malformed request has none.
    pub(crate) fn reason(&self) -> Option<Reason> {
        match self {
            Self::MissingHost => None,
            Self::ForeignHost { .. } | Self::ForeignOrigin => Some(Reason::Page),
            Self::InvalidKey => Some(Reason::Key),
            Self::ReadOnlyKey => Some(Reason::ReadOnly),
            Self::LimitedKey | Self::NoIndex { .. } => Some(Reason::Bounds),
            Self::RateLimited { .. } => Some(Reason::Rate),
            Self::Busy => Some(Reason::Busy),
            Self::TooManyConnections => Some(Reason::Connections),
            Self::SlowBody { .. } => Some(Reason::SlowBody),
            Self::TimedOut { .. } => Some(Reason::Time),
        }
    }
}

impl Reason {
    pub(crate) const ALL: [Self; 9] = [
        Self::Key,
        Self::ReadOnly,
        Self::Bounds,
        Self::Page,
        Self::Rate,
        Self::Busy,
        Self::Connections,
        Self::SlowBody,
        Self::Time,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::ReadOnly => "read_only",
            Self::Bounds => "bounds",
            Self::Page => "page",
            Self::Rate => "rate",
            Self::Busy => "busy",
            Self::Connections => "connections",
            Self::SlowBody => "slow_body",
            Self::Time => "time",
        }
    }
}
