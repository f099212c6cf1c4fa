use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::map_request;

use super::access::API;
use super::api_error::ApiError;
use super::embeddings::embeddings;
use crate::api::ApiState;
use crate::connections::guard;
use crate::route::{self, Route};

/// Whether a path belongs to OpenAI's API.
pub(crate) fn has(path: &str) -> bool {
    path.starts_with("/v1/")
}

pub(crate) fn routes() -> Vec<Route<Arc<ApiState>>> {
    vec![Route::new(Method::POST, "/v1/embeddings", embeddings)]
}

pub(crate) fn router(state: &Arc<ApiState>) -> Router {
    let unknown_path = async || ApiError::new(StatusCode::NOT_FOUND, "no such path");
    let wrong_method = async || ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method not allowed");
    let router = route::router(routes())
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .with_state(Arc::clone(state))
        .layer(DefaultBodyLimit::disable());
    guard(router, &state.gateway, API, None).layer(map_request(with_api_key))
}

/// Copies the bearer token of OpenAI clients to the header of API keys.
async fn with_api_key(mut request: Request) -> Request {
    let bearer = request.headers().get(AUTHORIZATION);
    let token = bearer.and_then(|it| it.as_bytes().strip_prefix(b"Bearer "));
    if let Some(Ok(key)) = token.map(HeaderValue::from_bytes) {
        request.headers_mut().insert("api-key", key);
    }
    request
}
