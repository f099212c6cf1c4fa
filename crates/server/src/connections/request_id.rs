use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::{HeaderMap, HeaderName};

use super::keys::{self, Keys};

/// The header with the id of a request, which is also logged.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id that is accepted from a client, in bytes.
const LONGEST: usize = 64;

/// The client's request id if it is well-formed and not a key, else a new one.
pub(crate) fn request_id(keys: &Keys, headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok());
    let is_sane = |id: &&str| {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
        (1..=LONGEST).contains(&id.len())
            && id.bytes().all(known)
            && id.as_bytes() != keys::named(headers)
            && !keys.knows(id.as_bytes())
    };
    given.filter(is_sane).map_or_else(new_id, str::to_owned)
}

fn new_id() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    // Each `RandomState` has random seeds.
    let random = RandomState::new().hash_one(COUNT.fetch_add(1, Ordering::Relaxed));
    format!("{random:016x}")
}
