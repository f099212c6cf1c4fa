use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::connections::limits::Limits;

/// How many connections beyond the limit are told so at a time. Others wait in the system's queue.
const CROWDED_AT_ONCE: usize = 128;

/// What bounds the work: who is let in, and who works when.
#[derive(Debug)]
pub(crate) struct Gate {
    /// Requests that have been taken on.
    admitted: Arc<Semaphore>,
    /// Those of them that read or compute.
    reading: Arc<Semaphore>,
    /// The one of them that changes the store: SQLite has one writer, and waits for it in no order.
    changing: Arc<Semaphore>,
    /// The one of them that embeds: a picture may take much memory, and all cores.
    embedding: Arc<Semaphore>,
    connections: Arc<Semaphore>,
    crowded: Arc<Semaphore>,
    rate: Option<NonZeroU32>,
    buckets: Vec<Mutex<Bucket>>,
}

/// A connection's place, which it has until this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    /// Nobody closes the semaphores, so there always is one.
    _permit: Option<OwnedSemaphorePermit>,
    /// Whether it is one beyond the limit.
    pub(crate) is_crowded: bool,
}

/// Marks a request that came on a connection beyond the limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crowded;

/// What a key may still ask now.
#[derive(Debug)]
struct Bucket {
    left: f64,
    since: Instant,
}

impl Gate {
    /// The gate for so many keys.
    pub(crate) fn new(limits: &Limits, keys: usize) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let semaphore =
            |places: usize| Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS)));
        let bucket = |rate: NonZeroU32| Bucket {
            left: rate.get().into(),
            since: Instant::now(),
        };
        let buckets = limits.rate.into_iter();
        Self {
            admitted: semaphore(limits.at_once),
            reading: semaphore(2 * cores),
            changing: semaphore(1),
            embedding: semaphore(1),
            connections: semaphore(limits.connections),
            crowded: semaphore(CROWDED_AT_ONCE),
            rate: limits.rate,
            buckets: buckets
                .flat_map(|rate| (0..keys.max(1)).map(move |_| Mutex::new(bucket(rate))))
                .collect(),
        }
    }

    /// Waits for a place for a connection: one of those within the limit if there is any, otherwise one where it is
    /// told that there is none.
    pub(crate) async fn connect(&self) -> Place {
        let (_permit, is_crowded) = tokio::select! {
            biased;
            permit = Arc::clone(&self.connections).acquire_owned() => (permit.ok(), false),
            permit = Arc::clone(&self.crowded).acquire_owned() => (permit.ok(), true),
        };
        Place {
            _permit,
            is_crowded,
        }
    }

    /// A place for a connection within the limit, if there is any.
    pub(crate) fn place(&self) -> Option<Place> {
        let permit = Arc::clone(&self.connections).try_acquire_owned().ok()?;
        Some(Place {
            _permit: Some(permit),
            is_crowded: false,
        })
    }

    /// A place among the requests that have been taken on, if there is one.
    pub(crate) fn admit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.admitted).try_acquire_owned().ok()
    }

    /// Waits for the turn to read.
    pub(crate) async fn turn_to_read(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.reading).acquire_owned().await.ok()
    }

    /// Waits for the turn to embed, which no other work waits for.
    pub(crate) async fn turn_to_embed(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.embedding).acquire_owned().await.ok()
    }

    /// Waits for the turn to change, in the order of asking.
    pub(crate) async fn turn_to_change(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.changing).acquire_owned().await.ok()
    }

    /// Takes one request off what the key with this number may ask, or says in how many seconds it may.
    pub(crate) fn count(&self, key: usize) -> Result<(), u64> {
        let (Some(rate), Some(bucket)) = (self.rate, self.buckets.get(key)) else {
            return Ok(());
        };
        let mut bucket = bucket.lock().unwrap_or_else(PoisonError::into_inner);
        bucket.take(rate.get().into(), Instant::now())
    }
}

impl Bucket {
    /// It fills at the rate, up to what one second allows.
    fn take(&mut self, rate: f64, now: Instant) -> Result<(), u64> {
        let passed = now.saturating_duration_since(self.since).as_secs_f64();
        self.left = (self.left + passed * rate).min(rate);
        self.since = now;
        if self.left < 1.0 {
            let wait = ((1.0 - self.left) / rate).ceil();
            return Err((wait as u64).max(1));
        }
        self.left -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_bucket_fills_at_the_rate() {
        let start = Instant::now();
        let mut bucket = Bucket {
            left: 2.0,
            since: start,
        };
        assert_eq!(bucket.take(2.0, start), Ok(()));
        assert_eq!(bucket.take(2.0, start), Ok(()));
        assert_eq!(bucket.take(2.0, start), Err(1));
        let later = start + Duration::from_millis(500);
        assert_eq!(bucket.take(2.0, later), Ok(()));
        assert_eq!(bucket.take(2.0, later), Err(1));
        let much_later = start + Duration::from_secs(3600);
        assert_eq!(bucket.take(2.0, much_later), Ok(()));
        assert_eq!(bucket.take(2.0, much_later), Ok(()));
        assert_eq!(bucket.take(2.0, much_later), Err(1));
    }
}
