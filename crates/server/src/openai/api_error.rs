use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::api::Problem;

/// An error in OpenAI's form: `{"error": {"message": …, "type": …, "param": …, "code": …}}`.
#[derive(Debug)]
pub(super) struct ApiError {
    problem: Box<Problem>,
    /// The invalid field.
    param: Option<&'static str>,
}

impl ApiError {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Problem::new(status, message).into()
    }

    /// An error of a field.
    pub(super) fn invalid(param: &'static str, message: impl Into<String>) -> Self {
        Self {
            param: Some(param),
            ..Self::new(StatusCode::BAD_REQUEST, message)
        }
    }

    /// An error of the named model.
    pub(super) fn of_model(error: clipseek::Error) -> Self {
        Self {
            param: Some("model"),
            ..Self::from(Problem::from(error))
        }
    }
}

impl<E: Into<Problem>> From<E> for ApiError {
    fn from(error: E) -> Self {
        Self {
            problem: Box::new(error.into()),
            param: None,
        }
    }
}

/// OpenAI's type and code for a status.
fn kind(status: StatusCode, param: Option<&str>) -> (&'static str, Option<&'static str>) {
    match status {
        StatusCode::UNAUTHORIZED => ("invalid_request_error", Some("invalid_api_key")),
        StatusCode::NOT_FOUND if param == Some("model") => {
            ("invalid_request_error", Some("model_not_found"))
        }
        StatusCode::TOO_MANY_REQUESTS => ("requests", Some("rate_limit_exceeded")),
        status if status.is_server_error() => ("server_error", None),
        _ => ("invalid_request_error", None),
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (r#type, code) = kind(self.problem.status(), self.param);
        let message = match self.problem.hint() {
            Some(hint) => format!("{}; {hint}", self.problem.detail()),
            None => self.problem.detail().to_owned(),
        };
        let error = json!({"message": message, "type": r#type, "param": self.param, "code": code});
        self.problem.answer(Json(json!({"error": error})))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connections::Refusal;

    #[test]
    fn refusals_have_the_codes_of_openai() {
        let error = ApiError::from(Refusal::InvalidKey);
        let status = error.problem.status();
        assert_eq!(
            kind(status, error.param),
            ("invalid_request_error", Some("invalid_api_key"))
        );
        let error = ApiError::from(Refusal::RateLimited { retry_after: 2 });
        let response = error.into_response();
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(response.headers()["retry-after"], "2");
    }
}
