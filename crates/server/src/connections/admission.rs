use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::limits::Limits;
use super::rate_limit::RateLimit;
use super::refusal::Refusal;

/// How many excess connections are answered with 503 at once. Further ones wait in the system's queue.
const EXCESS_AT_ONCE: usize = 128;

/// The room that every request has for its body. A larger body takes more of these shares.
pub(crate) const BODY_SHARE: usize = 2 << 20;

/// The minimum number of shares, so that the largest body fits even with a low limit of requests.
const SHARES: usize = 8;

/// The largest body that always has room when the server is idle.
pub(crate) const LARGEST_BODY: usize = SHARES * BODY_SHARE;

/// The limits of connections and requests.
#[derive(Debug)]
pub(crate) struct Admission {
    connections: Arc<Semaphore>,
    excess_connections: Arc<Semaphore>,
    requests: Arc<Semaphore>,
    /// The shares of all bodies together: as many as requests, each of [`BODY_SHARE`] bytes.
    bodies: Arc<Semaphore>,
    rate_limit: Option<RateLimit>,
}

/// The slot of a connection, released when it is dropped.
#[derive(Debug)]
pub(crate) struct ConnectionSlot {
    /// Always `Some`, as the semaphores are never closed.
    _permit: Option<OwnedSemaphorePermit>,
    is_excess: bool,
}

impl ConnectionSlot {
    /// Whether it is beyond the limit.
    pub(crate) fn is_excess(&self) -> bool {
        self.is_excess
    }
}

/// The slot of a request, released when it is dropped.
#[derive(Debug)]
pub(crate) struct RequestSlot {
    _permit: OwnedSemaphorePermit,
    pub(crate) body: BodyRoom,
}

/// The room for the body of a request, in shares, held until the request is answered.
#[derive(Clone, Debug)]
pub(crate) struct BodyRoom(Arc<Mutex<OwnedSemaphorePermit>>);

impl BodyRoom {
    /// Reserves room for a body of `bytes`, or refuses it if there is not enough.
    pub(crate) fn reserve(&self, bytes: usize) -> Result<(), Refusal> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = bytes
            .div_ceil(BODY_SHARE)
            .saturating_sub(held.num_permits());
        let missing = u32::try_from(missing).map_err(|_| Refusal::Busy)?;
        let shares = Arc::clone(held.semaphore());
        let more = shares.try_acquire_many_owned(missing);
        held.merge(more.map_err(|_| Refusal::Busy)?);
        Ok(())
    }
}

/// Marks a request that came over a connection beyond the limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OverExcessConnection;

impl Admission {
    /// The limits of a server with this number of keys.
    pub(crate) fn new(limits: &Limits, keys: usize) -> Self {
        let semaphore = |slots: usize| Arc::new(Semaphore::new(slots.min(Semaphore::MAX_PERMITS)));
        Self {
            connections: semaphore(limits.connections),
            excess_connections: semaphore(EXCESS_AT_ONCE),
            requests: semaphore(limits.at_once),
            bodies: semaphore(limits.at_once.max(SHARES)),
            // Without keys, all clients share one rate.
            rate_limit: limits.rate.map(|rate| RateLimit::new(rate, keys.max(1))),
        }
    }

    /// Waits for a connection slot: within the limit if possible, else beyond it.
    pub(crate) async fn connection(&self) -> ConnectionSlot {
        let (_permit, is_excess) = tokio::select! {
            biased;
            permit = Arc::clone(&self.connections).acquire_owned() => (permit.ok(), false),
            permit = Arc::clone(&self.excess_connections).acquire_owned() => (permit.ok(), true),
        };
        ConnectionSlot { _permit, is_excess }
    }

    /// A connection slot within the limit, if one is free.
    pub(crate) fn try_connection(&self) -> Option<ConnectionSlot> {
        let permit = Arc::clone(&self.connections).try_acquire_owned().ok()?;
        Some(ConnectionSlot {
            _permit: Some(permit),
            is_excess: false,
        })
    }

    /// A request slot, if one is free.
    pub(crate) fn try_request(&self) -> Option<RequestSlot> {
        let _permit = Arc::clone(&self.requests).try_acquire_owned().ok()?;
        let share = Arc::clone(&self.bodies).try_acquire_owned().ok()?;
        let body = BodyRoom(Arc::new(Mutex::new(share)));
        Some(RequestSlot { _permit, body })
    }

    /// Counts a request of the key with this number. Returns the seconds until a retry if the rate is exceeded.
    pub(crate) fn count(&self, key: usize) -> Result<(), u64> {
        match &self.rate_limit {
            Some(limit) => limit.take(key),
            None => Ok(()),
        }
    }
}
