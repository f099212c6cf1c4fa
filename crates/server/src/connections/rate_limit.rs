use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// The rate limit: a token bucket per key.
#[derive(Debug)]
pub(crate) struct RateLimit {
    rate: f64,
    buckets: Vec<Mutex<Bucket>>,
}

/// The remaining requests of a key.
#[derive(Debug)]
struct Bucket {
    left: f64,
    since: Instant,
}

impl RateLimit {
    /// The limit for this number of keys.
    pub(crate) fn new(rate: NonZeroU32, keys: usize) -> Self {
        let bucket = || Bucket {
            left: rate.get().into(),
            since: Instant::now(),
        };
        Self {
            rate: rate.get().into(),
            buckets: (0..keys).map(|_| Mutex::new(bucket())).collect(),
        }
    }

    /// Takes a request from the bucket of the key with this number. Returns the seconds to wait if it is empty.
    pub(crate) fn take(&self, key: usize) -> Result<(), u64> {
        let Some(bucket) = self.buckets.get(key) else {
            return Ok(());
        };
        let mut bucket = bucket.lock().unwrap_or_else(PoisonError::into_inner);
        bucket.take(self.rate, Instant::now())
    }
}

impl Bucket {
    /// The bucket fills at the rate, up to the requests of one second.
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
