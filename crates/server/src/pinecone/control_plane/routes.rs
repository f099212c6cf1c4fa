use std::sync::Arc;

use axum::Router;
use axum::http::Method;

use super::state::ControlState;
use super::{health, indexes};
use crate::connections::guard;
use crate::pinecone::api::API;
use crate::pinecone::route;
use crate::route::Route;

/// What Pinecone's models would do, and what does it here.
const INFERENCE: &str =
    "Pinecone's models; collections embed words and pictures with models of their own";

/// The routes of the control plane that Pinecone has and this server doesn't offer.
const NOT_OFFERED: [(&str, &str); 16] = [
    ("/indexes/create-for-model", "indexes with a model"),
    ("/indexes/{name}/backups", "backups"),
    ("/collections", "collections"),
    ("/collections/{*rest}", "collections"),
    ("/backups", "backups"),
    ("/backups/{*rest}", "backups"),
    ("/restore-jobs", "restore jobs"),
    ("/restore-jobs/{*rest}", "restore jobs"),
    ("/assistant", "assistants"),
    ("/assistant/{*rest}", "assistants"),
    ("/embed", INFERENCE),
    ("/embed/{*rest}", INFERENCE),
    ("/rerank", INFERENCE),
    ("/rerank/{*rest}", INFERENCE),
    ("/models", INFERENCE),
    ("/models/{*rest}", INFERENCE),
];

pub(crate) fn routes() -> Vec<Route<Arc<ControlState>>> {
    let mut routes = vec![
        Route::new(Method::GET, "/healthz", health::lives),
        Route::new(Method::GET, "/readyz", health::ready),
        Route::new(Method::GET, "/metrics", health::metrics),
        Route::new(Method::GET, "/indexes", indexes::list),
        Route::new(Method::POST, "/indexes", indexes::create),
        Route::new(Method::GET, "/indexes/{name}", indexes::describe),
        Route::new(Method::PATCH, "/indexes/{name}", indexes::configure),
        Route::new(Method::DELETE, "/indexes/{name}", indexes::delete),
    ];
    routes.extend(NOT_OFFERED.map(|(path, what)| route::refused(path, what)));
    routes
}

pub(crate) fn router(state: &Arc<ControlState>) -> Router {
    let router = route::router(routes()).with_state(Arc::clone(state));
    guard(router, &state.gateway, API, None)
}
