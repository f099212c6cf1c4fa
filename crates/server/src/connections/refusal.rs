/// Why the gateway refused a request. Each API puts it in a form of its own.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum Refusal {
    /// HTTP/1.1 requires the header `Host`.
    #[error("the header `Host` is missing; HTTP/1.1 requires it")]
    MissingHost,
    /// The name in `Host` is none of a server without keys.
    #[error(
        "a server without keys answers to its address and to `localhost` only, not to `{host}`"
    )]
    ForeignHost {
        /// The name.
        host: String,
    },
    /// A page of another site sent the request to a server without keys.
    #[error("a server without keys refuses requests from pages of other sites")]
    ForeignOrigin,
    /// The client named no key of the server.
    #[error("the API key is missing or invalid")]
    InvalidKey,
    /// The key may read only, and the request writes.
    #[error("this API key is read-only")]
    ReadOnlyKey,
    /// The key sees some of the collections only, and the request is about all.
    #[error("this API key is bounded to some collections or columns")]
    BoundedKey,
    /// The key doesn't see the index whose host was asked: it is told what it is told where there is none.
    #[error("index `{name}` does not exist")]
    NoIndex {
        /// The index.
        name: Box<str>,
    },
    /// The key has used up its rate.
    #[error("there were too many requests in this second; try again later")]
    RateLimited {
        /// In how many seconds a retry may succeed.
        retry_after: u64,
    },
    /// As many requests are in progress as the limits allow.
    #[error("there are too many requests in progress; try again")]
    Busy,
    /// As many connections are open as the limits allow.
    #[error("there are too many connections; try again")]
    TooManyConnections,
    /// The body of the request did not arrive in time.
    #[error("the body did not arrive within {limit} seconds")]
    SlowBody {
        /// The time limit in seconds.
        limit: f64,
    },
    /// The work was not done in time.
    #[error("the request was not answered within {limit} seconds{}", aftermath(.writes))]
    TimedOut {
        /// The time limit in seconds.
        limit: f64,
        /// Whether the request writes.
        writes: bool,
    },
}

fn aftermath(writes: &bool) -> &'static str {
    match writes {
        true => "; the change may still be made",
        false => "",
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
            Self::BoundedKey | Self::NoIndex { .. } => Some(Reason::Bounds),
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
