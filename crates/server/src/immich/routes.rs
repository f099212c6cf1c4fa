use std::sync::Arc;

use axum::http::Method;

use super::predict::predict;
use crate::api::ApiState;
use crate::route::Route;

/// Whether one of Immich's paths is asked for.
pub(crate) fn has(path: &str) -> bool {
    ["/ping", "/predict"].contains(&path)
}

pub(crate) fn routes() -> Vec<Route<Arc<ApiState>>> {
    vec![
        Route::new(Method::GET, "/ping", async || "pong"),
        Route::new(Method::POST, "/predict", predict),
    ]
}
