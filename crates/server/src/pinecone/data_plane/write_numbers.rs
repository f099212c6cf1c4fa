use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::HeaderName;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;

use crate::connections::Access;
use crate::pinecone::api::API;

/// The header with the number of a write.
const WRITTEN: HeaderName = HeaderName::from_static("x-pinecone-request-lsn");

/// The header with the number of the last write that a search sees.
const SEARCHED: HeaderName = HeaderName::from_static("x-pinecone-max-indexed-lsn");

/// The log sequence numbers of writes, as at Pinecone. Clients use them to check whether a search sees their writes. Here it
/// always does, but clients that wait for it need the numbers.
///
/// A number is the time in microseconds since 1970, so that numbers increase across restarts and servers of a store. No two
/// writes have the same number.
#[derive(Debug, Default)]
pub(crate) struct WriteNumbers {
    last: AtomicU64,
}

impl WriteNumbers {
    /// The number for a write that has just finished.
    pub(crate) fn of_write(&self) -> u64 {
        let now = now();
        let next = |last: u64| Some(now.max(last + 1));
        let last = self
            .last
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, next);
        // The closure always returns a number.
        now.max(last.unwrap_or_default() + 1)
    }

    /// The number of the last write that a search starting now sees.
    pub(crate) fn of_search(&self) -> u64 {
        now().max(self.last.load(Ordering::Acquire))
    }
}

/// Adds the number to every successful response of `router`.
pub(crate) fn layer(router: Router, numbers: &Arc<WriteNumbers>) -> Router {
    router.layer(from_fn_with_state(Arc::clone(numbers), number))
}

async fn number(
    State(numbers): State<Arc<WriteNumbers>>,
    request: Request,
    next: Next,
) -> Response {
    let route = request.extensions().get().map(MatchedPath::as_str);
    let access = (API.access)(request.method(), route);
    let searched = numbers.of_search();
    let mut response = next.run(request).await;
    if response.status().is_success() {
        let (name, number) = match access {
            Access::Write => (WRITTEN, numbers.of_write()),
            _ => (SEARCHED, searched),
        };
        response.headers_mut().insert(name, number.into());
    }
    response
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
