//! What is answered at which paths, as data: routers are built of it, and the documents are held against it.

use std::future::ready;

use axum::Router;
use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{MethodFilter, MethodRouter, any, on};

use crate::pinecone::api_error::ApiError;
use crate::pinecone::{control_plane, data_plane};

/// A path at which something is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The method; none stands for all.
    pub method: Option<Method>,
    /// The path, `{name}` in place of what varies.
    pub path: &'static str,
    /// Whether it is the data plane's, at an index's host.
    pub is_data: bool,
    /// Whether it is more than refused.
    pub is_offered: bool,
}

/// All endpoints over HTTP.
pub fn endpoints() -> Vec<Endpoint> {
    let control = control_plane::routes()
        .into_iter()
        .map(|route| route.endpoint(false));
    let data = data_plane::routes()
        .into_iter()
        .map(|route| route.endpoint(true));
    control.chain(data).collect()
}

/// What answers at a path.
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

    /// What Pinecone has there and this server has not.
    pub(crate) fn refused(path: &'static str, what: &'static str) -> Self {
        Self {
            method: None,
            path,
            answer: any(move || ready(ApiError::not_offered(what))),
            is_offered: false,
        }
    }

    fn endpoint(self, is_data: bool) -> Endpoint {
        Endpoint {
            method: self.method,
            path: self.path,
            is_data,
            is_offered: self.is_offered,
        }
    }
}

/// A router of the routes, which refuses all else.
pub(crate) fn router<S: Clone + Send + Sync + 'static>(routes: Vec<Route<S>>) -> Router<S> {
    let routes = routes.into_iter();
    routes
        .fold(Router::new(), |router, route| {
            router.route(route.path, route.answer)
        })
        .fallback(async || ApiError::not_found("there is no such path"))
        .method_not_allowed_fallback(async || ApiError::wrong_method())
}
