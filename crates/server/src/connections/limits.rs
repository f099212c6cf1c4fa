use std::num::NonZeroU32;
use std::time::Duration;

/// How much a [`Server`](crate::Server) takes on.
#[derive(Clone, Debug)]
pub struct Limits {
    /// How long a request may take, its head and its body included. A body that is not there by then is answered
    /// with 408, work that is not done with 504.
    pub time: Duration,
    /// How long a connection on which nothing is asked is kept.
    pub idle: Duration,
    /// How many requests are taken on at once, those that wait for their turn included. More are answered with 503
    /// at once, before their bodies are read.
    pub at_once: usize,
    /// How many connections there may be, of all ports together. On more, requests are answered with
    /// 503 and the connection is closed; more by far wait in the system's queue until there is room.
    pub connections: usize,
    /// How many requests a second each key may make; without keys, all clients together. More are answered with 429.
    pub rate: Option<NonZeroU32>,
    /// How long the end waits for what has been asked.
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
