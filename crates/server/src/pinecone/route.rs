use std::future::ready;

use axum::Router;
use axum::http::Method;

use super::api_error::ApiError;
use crate::route::{self, Route};

/// A path that the server answers, as data: the documents are held against it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The method; none stands for all.
    pub method: Option<Method>,
    /// The path, with `{name}` in place of a varying part.
    pub path: &'static str,
    /// Whether it belongs to the data plane, at the host of an index.
    pub is_data: bool,
    /// Whether the server offers it, and doesn't only refuse it.
    pub is_offered: bool,
}

impl Endpoint {
    pub(crate) fn of<S: Clone + Send + Sync + 'static>(route: &Route<S>, is_data: bool) -> Self {
        Self {
            method: route.method().cloned(),
            path: route.path(),
            is_data,
            // What isn't offered is refused with every method.
            is_offered: route.method().is_some(),
        }
    }
}

/// A path of Pinecone's that this server doesn't offer.
pub(crate) fn refused<S: Clone + Send + Sync + 'static>(
    path: &'static str,
    what: &'static str,
) -> Route<S> {
    Route::any(path, move || ready(ApiError::not_offered(what)))
}

/// A router of these routes, which refuses all other paths.
pub(crate) fn router<S: Clone + Send + Sync + 'static>(routes: Vec<Route<S>>) -> Router<S> {
    route::router(routes)
        .fallback(async || ApiError::not_found("there is no such path"))
        .method_not_allowed_fallback(async || ApiError::wrong_method())
}
