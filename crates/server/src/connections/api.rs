use axum::http::{HeaderMap, Method};
use axum::response::Response;

use super::refusal::Refusal;

/// The properties of an API that the gateway needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Api {
    /// The access that a request needs, by its method and route. Unknown paths have no route.
    pub(crate) access: fn(&Method, Option<&str>) -> Access,
    /// Selects the form of refusals for a client with these headers.
    pub(crate) refusal_form: fn(&HeaderMap) -> RefusalForm,
    /// Whether allowed pages of other sites may use it.
    pub(crate) is_for_pages: bool,
}

/// Writes a refusal as the whole response.
pub(crate) type RefusalForm = fn(Refusal) -> Response;

/// What a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Nothing: the request is always answered, without a key and beyond all limits.
    Open,
    /// A key, if the server has any; there is always room for the request.
    Monitoring,
    /// A key, if the server has any.
    Read,
    /// A key that isn't read-only, if the server has any.
    Write,
}
