use std::sync::Arc;

use search::Store;

use crate::api_error::ApiError;
use crate::hosts::Hosts;
use crate::keys::Keys;

/// What all requests share.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) store: Store,
    pub(crate) keys: Keys,
    pub(crate) hosts: Hosts,
}

impl State {
    /// Runs what waits for the disk or computes, apart from what serves.
    pub(crate) async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let state = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || work(&state)).await;
        done.unwrap_or_else(|_| {
            Err(ApiError::internal(
                "this should not happen; please report it",
            ))
        })
    }

    /// Refuses to change the index of a collection, which the collection alone changes.
    pub(crate) fn check_changeable(&self, index: &str) -> Result<(), ApiError> {
        let collections = self.store.collections()?;
        match collections.iter().any(|info| info.name == index) {
            true => Err(ApiError::forbidden(format!(
                "index `{index}` is a collection's: `clipseek add` changes it, and `clipseek collection \
                 delete {index}` deletes it"
            ))),
            false => Ok(()),
        }
    }
}
