use std::num::NonZeroU32;
use std::time::Duration;

/// How much a [`Server`](crate::Server) takes on.
#[derive(Clone, Debug)]
pub struct Limits {
    /// How long a request may take, from its head to its response. A body that hasn't arrived by then gets 408, work
    /// that isn't done by then 504.
    pub time: Duration,
    /// How long an idle connection stays open.
    pub idle: Duration,
    /// How many requests are in progress at once, including those that wait for their turn. Excess requests get 503
    /// before their bodies are read.
    pub at_once: usize,
    /// How many connections are open at once, over all ports. A request on an excess connection gets 503, and the
    /// connection closes. Connections far beyond the limit wait in the system's queue.
    pub connections: usize,
    /// How many requests a second each key may make; without keys, all clients together. Excess requests get 429.
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
