use axum::extract::{Request, State as Extracted};
use axum::middleware::Next;
use axum::response::Response;
use sha2::{Digest, Sha256};
use std::sync::Arc;

use crate::api_error::ApiError;
use crate::grpc;
use crate::state::State;

/// The header that names a client's key.
const HEADER: &str = "api-key";

/// The keys that clients may name, by their hashes.
#[derive(Default)]
pub struct Keys(Vec<[u8; 32]>);

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} keys", self.0.len())
    }
}

impl<S: AsRef<str>> FromIterator<S> for Keys {
    fn from_iter<I: IntoIterator<Item = S>>(keys: I) -> Self {
        let keys = keys.into_iter();
        Self(keys.map(|key| hash(key.as_ref().as_bytes())).collect())
    }
}

impl Keys {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a client with this key is let in.
    fn accept(&self, key: &[u8]) -> bool {
        let key = hash(key);
        // All of each is compared, so that how long it takes says nothing.
        let equal = |known: &[u8; 32]| {
            let differing = known.iter().zip(&key).fold(0, |all, (a, b)| all | (a ^ b));
            differing == 0
        };
        self.is_empty() | self.0.iter().fold(false, |any, known| any | equal(known))
    }
}

fn hash(key: &[u8]) -> [u8; 32] {
    Sha256::digest(key).into()
}

/// Lets only those requests pass that name a key.
pub(crate) async fn check(
    Extracted(state): Extracted<Arc<State>>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let key = request.headers().get(HEADER);
    match state.keys.accept(key.map_or(b"", |key| key.as_bytes())) {
        true => Ok(next.run(request).await),
        false if grpc::is_asked(request.headers()) => {
            Ok(grpc::refusal(ApiError::unauthenticated()))
        }
        false => Err(ApiError::unauthenticated()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_compared_whole() {
        let keys: Keys = ["one", "another"].into_iter().collect();
        assert!(keys.accept(b"one") && keys.accept(b"another"));
        assert!(!keys.accept(b"") && !keys.accept(b"on") && !keys.accept(b"one "));
        assert!(Keys::default().accept(b"any"));
        assert_eq!(format!("{keys:?}"), "2 keys");
    }
}
