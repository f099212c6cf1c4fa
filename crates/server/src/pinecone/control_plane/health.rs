//! Liveness, readiness and metrics of the server.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use tokio::time::timeout;

use super::state::ControlState;
use crate::pinecone::api_error::ApiError;
use crate::view::View;

/// The timeout for reading the store.
const STORE_TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) async fn lives() -> &'static str {
    "lives\n"
}

pub(crate) async fn ready(
    State(state): State<Arc<ControlState>>,
) -> Result<&'static str, ApiError> {
    if state.gateway.is_shutting_down() {
        return Err(ApiError::busy("the server is shutting down"));
    }
    let scope = state.unbounded();
    if !scope.is_warm() {
        return Err(ApiError::busy("the models of the collections are loading"));
    }
    let read = async { scope.run(read_store).await? };
    match timeout(STORE_TIMEOUT, read).await {
        Ok(Ok(())) => Ok("ready\n"),
        Ok(Err(error)) => Err(ApiError::busy(format!(
            "could not read the store: {}",
            error.message()
        ))),
        Err(_) => Err(ApiError::busy("reading the store timed out")),
    }
}

fn read_store(view: &View<'_>) -> Result<(), ApiError> {
    if view.is_gone() {
        return Err(ApiError::busy(
            "it was deleted or moved while it was in use",
        ));
    }
    view.indexes()?;
    view.collections()?;
    Ok(())
}

pub(crate) async fn metrics(State(state): State<Arc<ControlState>>) -> Response {
    let scope = state.unbounded();
    let counted = scope.run(count_vectors);
    // If the store cannot be read, report the other metrics.
    let counted = match timeout(STORE_TIMEOUT, counted).await {
        Ok(Ok(Ok(counted))) => counted,
        _ => Vec::new(),
    };
    let kind = [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (kind, state.gateway.metrics.text(&counted)).into_response()
}

/// The number of vectors in each index, without indexes that were just deleted.
fn count_vectors(view: &View<'_>) -> index::Result<Vec<(String, u64)>> {
    let names = view.indexes()?.into_iter().map(|index| index.name);
    let counted = names.filter_map(|name| {
        let index = view.engine_of(&name).and_then(|it| it.index(&name));
        let stats = index.and_then(|index| index.stats());
        Some((name, stats.ok()?.total_vector_count))
    });
    Ok(counted.collect())
}
