use axum::Router;
use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{MethodFilter, MethodRouter, any, on};

/// A path and its handler. Routes are data, so that tests can compare them with the documentation.
pub(crate) struct Route<S> {
    method: Option<Method>,
    path: &'static str,
    answer: MethodRouter<S>,
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
        }
    }

    /// A path that accepts every method.
    pub(crate) fn any<T: 'static>(path: &'static str, handler: impl Handler<T, S>) -> Self {
        Self {
            method: None,
            path,
            answer: any(handler),
        }
    }

    /// The method; `None` if the path accepts every method.
    pub(crate) fn method(&self) -> Option<&Method> {
        self.method.as_ref()
    }

    /// The path, with `{name}` in place of a varying part.
    pub(crate) fn path(&self) -> &'static str {
        self.path
    }
}

/// A router of these routes.
pub(crate) fn router<S: Clone + Send + Sync + 'static>(routes: Vec<Route<S>>) -> Router<S> {
    let routes = routes.into_iter();
    routes.fold(Router::new(), |router, route| {
        router.route(route.path, route.answer)
    })
}
