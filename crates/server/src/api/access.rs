//! What the gateway has to know of the JSON API.

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

/// What reads, although its method is `POST`, ends in one of these.
const READING: [&str; 3] = ["/search", "/classify", "/embed"];

fn access(method: &Method, route: Option<&str>) -> Access {
    let route = route.unwrap_or_default();
    match *method {
        Method::GET | Method::HEAD | Method::OPTIONS => Access::Read,
        Method::POST if READING.iter().any(|end| route.ends_with(end)) => Access::Read,
        _ => Access::Write,
    }
}

fn refusal_form(_: &HeaderMap) -> RefusalForm {
    |refusal: Refusal| -> Response { Problem::from(refusal).into_response() }
}
