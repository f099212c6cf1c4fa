use std::sync::Arc;

use axum::http::Method;

use super::predict::predict;
use crate::api::ApiState;
use crate::route::Route;

/// Whether a path belongs to Immich's API.
pub(crate) fn has(path: &str) -> bool {
    ["/ping", "/predict"].contains(&path)
}

pub(crate) fn routes() -> Vec<Route<Arc<ApiState>>> {
    vec![
        Route::new(Method::GET, "/ping", async || "pong"),
        Route::new(Method::POST, "/predict", predict),
    ]
}
