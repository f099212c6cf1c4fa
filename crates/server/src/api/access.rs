//! The access rules of the JSON API.

use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse, Response};

use super::problem::Problem;
use crate::connections::{Access, Api, Refusal, RefusalForm};

/// The JSON API.
pub(crate) const API: Api = Api {
    access,
    refusal_form,
    is_for_pages: true,
};

/// The route that needs no key.
const OPEN: &str = "/ping";

/// The ends of routes that only read, although their method is `POST`.
const READING: [&str; 4] = ["/search", "/classify", "/embed", "/predict"];

fn access(method: &Method, route: Option<&str>) -> Access {
    let route = route.unwrap_or_default();
    match *method {
        _ if route == OPEN => Access::Open,
        Method::GET | Method::HEAD | Method::OPTIONS => Access::Read,
        Method::POST if READING.iter().any(|end| route.ends_with(end)) => Access::Read,
        _ => Access::Write,
    }
}

fn refusal_form(_: &HeaderMap) -> RefusalForm {
    |refusal: Refusal| -> Response { Problem::from(refusal).into_response() }
}
