use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse, Response};

use super::api_error::ApiError;
use crate::connections::{Access, Api, Refusal, RefusalForm};

/// The access rules of OpenAI's API: nothing here writes.
pub(super) const API: Api = Api {
    access: |_: &Method, _: Option<&str>| Access::Read,
    is_for_pages: false,
    refusal_form,
};

fn refusal_form(_: &HeaderMap) -> RefusalForm {
    |refusal: Refusal| -> Response { ApiError::from(refusal).into_response() }
}
