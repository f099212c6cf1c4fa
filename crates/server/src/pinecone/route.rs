use std::future::ready;

use axum::Router;
use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{MethodFilter, MethodRouter, any, on};

use super::api_error::ApiError;

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

/// A path with its handler.
pub(crate) struct Route<S> {
    method: Option<Method>,
    path: &'static str,
    answer: MethodRouter<S>,
    is_offered: bool,
}

impl<S: Clone + Send + Sync + 'static> Route<S> {
    pub(crate) fn new<T: 'static>(
        method: Method,
        path: &'static str,
        handler: impl Handler<T, S>,
    ) -> Self {
        let filter = MethodFilter::try_from(method.clone());
        Self {
            method: Some(method),
            path,
            answer: on(filter.expect("one of HTTP's own methods"), handler),
            is_offered: true,
        }
    }

    /// A path of Pinecone's that this server doesn't offer.
    pub(crate) fn refused(path: &'static str, what: &'static str) -> Self {
        Self {
            method: None,
            path,
            answer: any(move || ready(ApiError::not_offered(what))),
            is_offered: false,
        }
    }

    pub(crate) fn endpoint(self, is_data: bool) -> Endpoint {
        Endpoint {
            method: self.method,
            path: self.path,
            is_data,
            is_offered: self.is_offered,
        }
    }
}

/// A router of these routes, which refuses all other paths.
pub(crate) fn router<S: Clone + Send + Sync + 'static>(routes: Vec<Route<S>>) -> Router<S> {
    let routes = routes.into_iter();
    routes
        .fold(Router::new(), |router, route| {
            router.route(route.path, route.answer)
        })
        .fallback(async || ApiError::not_found("there is no such path"))
        .method_not_allowed_fallback(async || ApiError::wrong_method())
}
