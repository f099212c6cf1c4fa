use std::future::ready;

use axum::Router;
use axum::http::Method;

use super::api_error::ApiError;
use crate::route::{self, Route};

/// A path of the API as data, which tests compare with the documentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The method; `None` for all methods.
    pub method: Option<Method>,
    /// The path, with `{name}` in place of a varying part.
    pub path: &'static str,
    /// Whether it belongs to the data plane, at the host of an index.
    pub is_data: bool,
    /// Whether the server supports it instead of refusing it.
    pub is_supported: bool,
}

impl Endpoint {
    pub(crate) fn of<S: Clone + Send + Sync + 'static>(route: &Route<S>, is_data: bool) -> Self {
        Self {
            method: route.method().cloned(),
            path: route.path(),
            is_data,
            // Unsupported paths are refused with every method.
            is_supported: route.method().is_some(),
        }
    }
}

/// A path of Pinecone's API that this server does not support.
pub(crate) fn refused<S: Clone + Send + Sync + 'static>(
    path: &'static str,
    what: &'static str,
) -> Route<S> {
    Route::any(path, move || ready(ApiError::unsupported(what)))
}

/// A router of these routes that refuses all other paths.
pub(crate) fn router<S: Clone + Send + Sync + 'static>(routes: Vec<Route<S>>) -> Router<S> {
    route::router(routes)
        .fallback(async || ApiError::not_found("no such path"))
        .method_not_allowed_fallback(async || ApiError::wrong_method())
}
