use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::limits::Limits;
use super::rate_limit::RateLimit;
use super::refusal::Refusal;

/// How many excess connections are told so at once. Further ones wait in the system's queue.
const EXCESS_AT_ONCE: usize = 128;

/// How much of a request's body there is room for from the start. A larger one takes more of these shares.
pub(crate) const BODY_SHARE: usize = 2 << 20;

/// How many shares there are at least, so that the largest body fits even where few requests do.
const SHARES: usize = 8;

/// The largest body that always has room when the server is idle.
pub(crate) const LARGEST_BODY: usize = SHARES * BODY_SHARE;

/// Which connections and requests the server lets in.
#[derive(Debug)]
pub(crate) struct Admission {
    connections: Arc<Semaphore>,
    excess_connections: Arc<Semaphore>,
    requests: Arc<Semaphore>,
    /// The shares of all bodies together: as many as requests, each of [`BODY_SHARE`] bytes.
    bodies: Arc<Semaphore>,
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
    pub(crate) body: BodyRoom,
}

/// The room for a request's body, in shares. Its request keeps it until it is answered.
#[derive(Clone, Debug)]
pub(crate) struct BodyRoom(Arc<Mutex<OwnedSemaphorePermit>>);

impl BodyRoom {
    /// Makes room for a body of so many bytes, or refuses it if others have taken the room.
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
    /// The admission to a server of so many keys.
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
        let share = Arc::clone(&self.bodies).try_acquire_owned().ok()?;
        let body = BodyRoom(Arc::new(Mutex::new(share)));
        Some(RequestSlot { _permit, body })
    }

    /// Counts a request of the key with this number, or says in how many seconds it may be retried.
    pub(crate) fn count(&self, key: usize) -> Result<(), u64> {
        match &self.rate_limit {
            Some(limit) => limit.take(key),
            None => Ok(()),
        }
    }
}
