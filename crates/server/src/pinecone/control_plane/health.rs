//! Whether the server lives, whether it can be asked, and what it has done.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State as Extracted;
use axum::http::Method;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use tokio::time::timeout;

use crate::pinecone::api_error::ApiError;
use crate::pinecone::route::Route;
use crate::state::State;

const LIVES: &str = "/healthz";
const READY: &str = "/readyz";
const METRICS: &str = "/metrics";

/// How long the store may take to be read.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) fn routes() -> Vec<Route<Arc<State>>> {
    vec![
        Route::new(Method::GET, LIVES, async || "lives\n"),
        Route::new(Method::GET, READY, ready),
        Route::new(Method::GET, METRICS, metrics),
    ]
}

/// Whether no key is asked for.
pub(crate) fn is_open(route: &str) -> bool {
    [LIVES, READY].contains(&route)
}

/// Whether there is always room for it.
pub(crate) fn is_quick(route: &str) -> bool {
    route == METRICS
}

async fn ready(Extracted(state): Extracted<Arc<State>>) -> Result<&'static str, ApiError> {
    if state.is_ending() {
        return Err(ApiError::busy("the server is ending"));
    }
    let read = state.look(|state| {
        if state.store.engine().is_gone() {
            return Err(ApiError::busy(
                "it was deleted or moved while it was in use",
            ));
        }
        state.store.engine().list_indexes()?;
        state.store.collections()?;
        Ok(())
    });
    match timeout(PATIENCE, read).await {
        Ok(Ok(())) => Ok("ready\n"),
        Ok(Err(error)) => Err(ApiError::busy(format!(
            "the store cannot be read: {}",
            error.message()
        ))),
        Err(_) => Err(ApiError::busy("the store takes too long to be read")),
    }
}

async fn metrics(Extracted(state): Extracted<Arc<State>>) -> Response {
    let counted = state.look(|state| {
        let engine = state.store.engine();
        let names = engine.list_indexes()?.into_iter();
        let counted = names.map(|index| {
            let stats = engine.index(&index.name)?.stats()?;
            Ok((index.name, stats.total_vector_count))
        });
        // One that was dropped meanwhile is left out.
        Ok(counted
            .filter_map(|index: index::Result<_>| index.ok())
            .collect())
    });
    // Without the store, the rest is told all the same.
    let counted: Vec<(String, u64)> = match timeout(PATIENCE, counted).await {
        Ok(Ok(counted)) => counted,
        _ => Vec::new(),
    };
    let kind = [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (kind, state.metrics.text(&counted)).into_response()
}
