use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::HeaderName;

/// The header that has a write's number.
pub(crate) const WRITTEN: HeaderName = HeaderName::from_static("x-pinecone-request-lsn");

/// The header that has the number up to which a search regards all writes.
pub(crate) const REGARDED: HeaderName = HeaderName::from_static("x-pinecone-max-indexed-lsn");

/// Numbers by which clients learn whether searches regard what they have written, as Pinecone gives them. Here they
/// always do; but who waits for it wants to be told.
///
/// They are microseconds since 1970, so that they grow beyond the server's end, and are the same for all servers of a
/// store. Two writes never share one.
#[derive(Debug, Default)]
pub(crate) struct WriteNumbers {
    last: AtomicU64,
}

impl WriteNumbers {
    /// The number of a write that has just been made.
    pub(crate) fn of_write(&self) -> u64 {
        let now = now();
        let next = |last: u64| Some(now.max(last + 1));
        let last = self
            .last
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, next);
        // The closure always gives one.
        now.max(last.unwrap_or_default() + 1)
    }

    /// The number up to which a search that begins now regards all writes.
    pub(crate) fn of_search(&self) -> u64 {
        now().max(self.last.load(Ordering::Acquire))
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let microseconds = since.unwrap_or_default().as_micros();
    u64::try_from(microseconds).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_regards_the_writes_before_it() {
        let numbers = WriteNumbers::default();
        let mut last = 0;
        for _ in 0..10_000 {
            let written = numbers.of_write();
            assert!(written > last);
            assert!(numbers.of_search() >= written);
            last = written;
        }
    }
}
