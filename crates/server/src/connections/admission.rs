use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::limits::Limits;
use super::rate_limit::RateLimit;

/// How many excess connections are told so at once. Further ones wait in the system's queue.
const EXCESS_AT_ONCE: usize = 128;

/// Which connections and requests the server lets in.
#[derive(Debug)]
pub(crate) struct Admission {
    connections: Arc<Semaphore>,
    excess_connections: Arc<Semaphore>,
    requests: Arc<Semaphore>,
    rate_limit: Option<RateLimit>,
}

/// The room that a connection takes until this is dropped.
#[derive(Debug)]
pub(crate) struct ConnectionSlot {
    /// Nobody closes the semaphores, so there always is one.
    _permit: Option<OwnedSemaphorePermit>,
    is_excess: bool,
}

impl ConnectionSlot {
    /// Whether it is one beyond the limit.
    pub(crate) fn is_excess(&self) -> bool {
        self.is_excess
    }
}

/// The room that a request takes until this is dropped.
#[derive(Debug)]
pub(crate) struct RequestSlot {
    _permit: OwnedSemaphorePermit,
}

/// Marks a request that came over a connection beyond the limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OverExcessConnection;

impl Admission {
    /// The admission to a server of so many keys.
    pub(crate) fn new(limits: &Limits, keys: usize) -> Self {
        let semaphore = |slots: usize| Arc::new(Semaphore::new(slots.min(Semaphore::MAX_PERMITS)));
        Self {
            connections: semaphore(limits.connections),
            excess_connections: semaphore(EXCESS_AT_ONCE),
            requests: semaphore(limits.at_once),
            // Without keys, all clients share one rate.
            rate_limit: limits.rate.map(|rate| RateLimit::new(rate, keys.max(1))),
        }
    }

    /// Waits for room for a connection: within the limit if there is any, otherwise beyond it.
    pub(crate) async fn connection(&self) -> ConnectionSlot {
        let (_permit, is_excess) = tokio::select! {
            biased;
            permit = Arc::clone(&self.connections).acquire_owned() => (permit.ok(), false),
            permit = Arc::clone(&self.excess_connections).acquire_owned() => (permit.ok(), true),
        };
        ConnectionSlot { _permit, is_excess }
    }

    /// Room for a connection within the limit, if there is any.
    pub(crate) fn try_connection(&self) -> Option<ConnectionSlot> {
        let permit = Arc::clone(&self.connections).try_acquire_owned().ok()?;
        Some(ConnectionSlot {
            _permit: Some(permit),
            is_excess: false,
        })
    }

    /// Room for a request, if there is any.
    pub(crate) fn try_request(&self) -> Option<RequestSlot> {
        let _permit = Arc::clone(&self.requests).try_acquire_owned().ok()?;
        Some(RequestSlot { _permit })
    }

    /// Counts a request of the key with this number, or says in how many seconds it may be retried.
    pub(crate) fn count(&self, key: usize) -> Result<(), u64> {
        match &self.rate_limit {
            Some(limit) => limit.take(key),
            None => Ok(()),
        }
    }
}
