use axum::http::{HeaderMap, Method};
use axum::response::Response;

use super::refusal::Refusal;

/// What the gateway has to know of the API behind it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Api {
    /// The access that a request needs, by its method and its route. A path that no route matches has none.
    pub(crate) access: fn(&Method, Option<&str>) -> Access,
    /// What writes refusals in the form that the client of these headers expects.
    pub(crate) refusal_form: fn(&HeaderMap) -> RefusalForm,
    /// Whether pages of other sites may ask it, if they are named.
    pub(crate) is_for_pages: bool,
}

/// Writes a refusal as the whole response.
pub(crate) type RefusalForm = fn(Refusal) -> Response;

/// What a client needs to make a request.
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
