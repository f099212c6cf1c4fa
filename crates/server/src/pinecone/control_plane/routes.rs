use std::sync::Arc;

use axum::Router;
use axum::http::Method;

use super::state::ControlState;
use super::{health, indexes};
use crate::connections::guard;
use crate::pinecone::api::API;
use crate::pinecone::route;
use crate::route::Route;

/// The name of Pinecone's inference in errors, with the alternative.
const INFERENCE: &str =
    "Pinecone's models; collections embed texts and pictures with their own models";

/// The routes of Pinecone's control plane that this server does not support.
const UNSUPPORTED: [(&str, &str); 16] = [
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
    routes.extend(UNSUPPORTED.map(|(path, what)| route::refused(path, what)));
    routes
}

pub(crate) fn router(state: &Arc<ControlState>) -> Router {
    let router = route::router(routes()).with_state(Arc::clone(state));
    guard(router, &state.gateway, API, None)
}
