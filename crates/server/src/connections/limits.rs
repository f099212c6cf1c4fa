use std::num::NonZeroU32;
use std::time::Duration;

/// The limits of a [`Server`](crate::Server).
#[derive(Clone, Debug)]
pub struct Limits {
    /// The timeout of a request, from its head to its response. An incomplete body gets 408, unfinished work 504.
    pub time: Duration,
    /// How long an idle connection stays open.
    pub idle: Duration,
    /// The maximum number of requests in progress, including waiting ones. Excess requests get 503 before their bodies are
    /// read.
    pub at_once: usize,
    /// The maximum number of open connections on all ports. A request on an excess connection gets 503, and the connection
    /// closes. Connections far beyond the limit wait in the system's queue.
    pub connections: usize,
    /// The maximum number of requests per second for each key; without keys, for all clients together. Excess requests
    /// get 429.
    pub rate: Option<NonZeroU32>,
    /// How long shutdown waits for requests in progress.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(30),
            idle: Duration::from_secs(120),
            at_once: 128,
            connections: 1000,
            rate: None,
            grace: Duration::from_secs(30),
        }
    }
}
