use std::sync::Arc;

use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::HeaderName;
use axum::response::Response;
use axum::routing::{get, post};

use super::access::API;
use super::asked::{nowhere, otherwise};
use super::state::ApiState;
use super::{classify, collections, embed, files, jobs, pictures, records, search};
use crate::connections::{cors, guard};

/// What all paths begin with.
pub(crate) const PREFIX: &str = "/api/v1";

/// What no page of another site may embed, and no browser takes for anything but what it is.
const HEADERS: [(&str, &str); 3] = [
    ("x-content-type-options", "nosniff"),
    ("cross-origin-resource-policy", "same-origin"),
    (
        "content-security-policy",
        "default-src 'none'; sandbox; frame-ancestors 'none'",
    ),
];

pub(crate) fn router(state: &Arc<ApiState>) -> Router {
    let gateway = Arc::clone(&state.gateway);
    let router = routes()
        .fallback(nowhere)
        .method_not_allowed_fallback(otherwise)
        .with_state(Arc::clone(state))
        .layer(axum::extract::DefaultBodyLimit::disable())
        .layer(axum::middleware::map_response(protected));
    cors(guard(router, &gateway, API, None), &gateway)
}

/// Where nothing is served.
pub(crate) fn nothing() -> Router {
    Router::new().fallback(nowhere)
}

fn routes() -> Router<Arc<ApiState>> {
    Router::new()
        .route("/api/v1/collections", get(collections::list))
        .route("/api/v1/collections/{name}", get(collections::describe))
        .route(
            "/api/v1/collections/{name}/facets",
            get(collections::facets),
        )
        .route(
            "/api/v1/collections/{name}/search",
            get(search::by_parameters).post(search::by_body),
        )
        .route("/api/v1/collections/{name}/pictures", post(pictures::add))
        .route("/api/v1/jobs/{job}", get(jobs::describe))
        .route("/api/v1/jobs/{job}/events", get(jobs::events))
        .route(
            "/api/v1/collections/{name}/duplicates",
            get(collections::duplicates),
        )
        .route(
            "/api/v1/collections/{name}/records/{id}",
            get(records::describe).delete(records::forget),
        )
        .route(
            "/api/v1/collections/{name}/records/{id}/thumbnail",
            get(files::thumbnail),
        )
        .route(
            "/api/v1/collections/{name}/records/{id}/original",
            get(files::original),
        )
        .route("/api/v1/classify", post(classify::classify))
        .route("/api/v1/embed", post(embed::embed))
        .route("/api/v1/models", get(collections::models))
}

async fn protected(mut response: Response) -> Response {
    for (name, value) in HEADERS {
        let (name, value) = (
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
        response.headers_mut().insert(name, value);
    }
    response
}
