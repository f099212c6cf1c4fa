use std::sync::Arc;

use axum::Router;
use axum::http::header::HeaderName;
use axum::http::{HeaderValue, Method};
use axum::response::Response;

use super::access::API;
use super::extractors::{unknown_path, wrong_method};
use super::state::ApiState;
use super::{
    classify, collections, embed, facets, files, jobs, openapi, pictures, records, search,
};
use crate::connections::{cors, guard};
use crate::immich;
use crate::route::{self, Route};

/// The prefix of all paths.
pub(super) const PREFIX: &str = "/api/v1";

/// Headers against embedding by other sites and against content sniffing.
const HEADERS: [(&str, &str); 3] = [
    ("x-content-type-options", "nosniff"),
    ("cross-origin-resource-policy", "same-origin"),
    (
        "content-security-policy",
        "default-src 'none'; sandbox; frame-ancestors 'none'",
    ),
];

/// Whether a path belongs to this router.
pub(crate) fn has(path: &str) -> bool {
    let rest = path.strip_prefix(PREFIX);
    rest.is_some_and(|rest| rest.starts_with('/')) || immich::has(path)
}

pub(crate) fn router(state: &Arc<ApiState>) -> Router {
    let gateway = Arc::clone(&state.gateway);
    let router = route::router(routes())
        .merge(route::router(immich::routes()))
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .with_state(Arc::clone(state))
        .layer(axum::extract::DefaultBodyLimit::disable())
        .layer(axum::middleware::map_response(protected));
    cors(guard(router, &gateway, API, None), &gateway)
}

/// A router that serves nothing.
pub(crate) fn nothing() -> Router {
    Router::new().fallback(unknown_path)
}

/// All routes.
pub(super) fn routes() -> Vec<Route<Arc<ApiState>>> {
    vec![
        Route::new(Method::GET, "/api/v1/openapi.json", openapi::document),
        Route::new(Method::GET, "/api/v1/collections", collections::list),
        Route::new(
            Method::GET,
            "/api/v1/collections/{name}",
            collections::describe,
        ),
        Route::new(
            Method::GET,
            "/api/v1/collections/{name}/facets",
            facets::facets,
        ),
        Route::new(
            Method::GET,
            "/api/v1/collections/{name}/duplicates",
            collections::duplicates,
        ),
        Route::new(
            Method::GET,
            "/api/v1/collections/{name}/search",
            search::by_parameters,
        ),
        Route::new(
            Method::POST,
            "/api/v1/collections/{name}/search",
            search::by_body,
        ),
        Route::new(
            Method::POST,
            "/api/v1/collections/{name}/pictures",
            pictures::add,
        ),
        Route::new(
            Method::GET,
            "/api/v1/collections/{name}/records/{id}",
            records::describe,
        ),
        Route::new(
            Method::DELETE,
            "/api/v1/collections/{name}/records/{id}",
            records::forget,
        ),
        Route::new(
            Method::GET,
            "/api/v1/collections/{name}/records/{id}/thumbnail",
            files::thumbnail,
        ),
        Route::new(
            Method::GET,
            "/api/v1/collections/{name}/records/{id}/original",
            files::original,
        ),
        Route::new(Method::GET, "/api/v1/jobs/{job}", jobs::describe),
        Route::new(Method::GET, "/api/v1/jobs/{job}/events", jobs::events),
        Route::new(Method::POST, "/api/v1/classify", classify::classify),
        Route::new(Method::POST, "/api/v1/embed", embed::embed),
        Route::new(Method::GET, "/api/v1/models", collections::models),
    ]
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
