use axum::Json;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::connections::{BodyError, Fault, HiddenColumn, Refusal};
use crate::models::ModelError;
use crate::workspace::WorkPanicked;

/// The detail of an internal error, whose cause only the log gets.
const INTERNAL: &str = "internal server error; see the log of the server";

/// An error as problem details ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)).
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    detail: String,
    hint: Option<String>,
    /// Seconds until a retry may succeed.
    retry_after: Option<u64>,
    /// The cause, for the log only.
    fault: Option<String>,
    /// The reason, if the gateway refused the request.
    refusal: Option<Refusal>,
}

#[derive(Serialize)]
struct Details<'a> {
    r#type: &'static str,
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let is_transient = status == StatusCode::SERVICE_UNAVAILABLE;
        Self {
            status,
            detail: detail.into(),
            hint: None,
            retry_after: is_transient.then_some(1),
            fault: None,
            refusal: None,
        }
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    pub(crate) fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The same with a hint.
    pub(crate) fn with_hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }

    /// The same, also written to the log, for clients that do not show errors.
    pub(crate) fn logged(self) -> Self {
        let hint = self.hint.iter().map(|hint| format!("; {hint}"));
        let text = self.detail.clone() + &hint.collect::<String>();
        Self {
            fault: self.fault.or(Some(text)),
            ..self
        }
    }

    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// An internal error, whose cause goes to the log.
    pub(crate) fn internal(fault: impl Into<String>) -> Self {
        Self {
            fault: Some(fault.into()),
            ..Self::new(StatusCode::INTERNAL_SERVER_ERROR, INTERNAL)
        }
    }

    /// The response with this body.
    pub(crate) fn answer(self, body: impl IntoResponse) -> Response {
        let mut answer = (self.status, body).into_response();
        if let Some(fault) = self.fault {
            answer.extensions_mut().insert(Fault(fault));
        }
        if let Some(refusal) = self.refusal {
            answer.extensions_mut().insert(refusal);
        }
        if let Some(seconds) = self.retry_after {
            answer.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        answer
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let details = Json(Details {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or_default(),
            status: self.status.as_u16(),
            detail: &self.detail,
            hint: self.hint.as_deref(),
        });
        let kind = HeaderValue::from_static("application/problem+json");
        let body = details.into_response().into_body();
        self.answer(([(CONTENT_TYPE, kind)], body))
    }
}

/// An error and its causes in one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

impl From<clipseek::Error> for Problem {
    fn from(error: clipseek::Error) -> Self {
        let status = status_of(&error);
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            return Self::internal(with_causes(&error));
        }
        Self {
            hint: error.hint(),
            ..Self::new(status, with_causes(&error))
        }
    }
}

impl From<search::Error> for Problem {
    fn from(error: search::Error) -> Self {
        clipseek::Error::from(error).into()
    }
}

/// The status of an error: of the request, of something missing, or of the server.
fn status_of(error: &clipseek::Error) -> StatusCode {
    use clipseek::Error as E;
    match error {
        E::Search(error) => status_of_search(error),
        E::Index(error) => status_of_index(error),
        E::NoCollections { .. } | E::ModelNotHere { .. } | E::NotAnId { .. } => {
            StatusCode::NOT_FOUND
        }
        E::ModelDownload { .. }
        | E::ModelMoved { .. }
        | E::ModelChanged
        | E::NoModelDirectory { .. }
        | E::HubModel { .. } => StatusCode::SERVICE_UNAVAILABLE,
        E::Clip(_)
        | E::Fetch(_)
        | E::Picture { .. }
        | E::Label { .. }
        | E::NoWords
        | E::NothingToCompare
        | E::NoKeywordsIn { .. }
        | E::NoTime { .. } => StatusCode::BAD_REQUEST,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn status_of_search(error: &search::Error) -> StatusCode {
    use search::Error as E;
    match error {
        E::NoCollection { .. } | E::NoRecord { .. } | E::Deleted { .. } => StatusCode::NOT_FOUND,
        E::Index(error) => status_of_index(error),
        E::CollectionName { .. }
        | E::OtherTextModel { .. }
        | E::NoVector { .. }
        | E::Vanished
        | E::VectorLength { .. }
        | E::DuplicateThreshold { .. }
        | E::NoKeywords { .. }
        | E::Picture(_)
        | E::Clip(_) => StatusCode::BAD_REQUEST,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn status_of_index(error: &index::Error) -> StatusCode {
    use index::Error as E;
    match error {
        E::Busy { .. } | E::ChangedMeanwhile { .. } => StatusCode::SERVICE_UNAVAILABLE,
        E::InvalidTopK { .. }
        | E::NotFinite { .. }
        | E::ZeroVector { .. }
        | E::DimensionMismatch { .. }
        | E::UnknownOperator { .. }
        | E::InvalidFilter { .. }
        | E::TooManyFilterValues { .. }
        | E::FilterTooDeep => StatusCode::BAD_REQUEST,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl From<ModelError> for Problem {
    fn from(error: ModelError) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
    }
}

impl From<WorkPanicked> for Problem {
    fn from(error: WorkPanicked) -> Self {
        Self::internal(error.to_string())
    }
}

impl From<HiddenColumn> for Problem {
    fn from(error: HiddenColumn) -> Self {
        Self::new(StatusCode::FORBIDDEN, error.to_string())
    }
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        let detail = error.to_string();
        match error {
            BodyError::Encoding(_) => Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail),
            BodyError::TooLarge { .. } => Self::new(StatusCode::PAYLOAD_TOO_LARGE, detail),
            BodyError::Cut => Self::invalid(detail),
            BodyError::NoRoom(refusal) => refusal.into(),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let status = match refusal {
            Refusal::MissingHost => StatusCode::BAD_REQUEST,
            Refusal::InvalidKey => StatusCode::UNAUTHORIZED,
            Refusal::ForeignHost { .. }
            | Refusal::ForeignOrigin
            | Refusal::ReadOnlyKey
            | Refusal::LimitedKey => StatusCode::FORBIDDEN,
            Refusal::NoIndex { .. } => StatusCode::NOT_FOUND,
            Refusal::RateLimited { .. } => StatusCode::TOO_MANY_REQUESTS,
            Refusal::Busy | Refusal::TooManyConnections => StatusCode::SERVICE_UNAVAILABLE,
            Refusal::SlowBody { .. } => StatusCode::REQUEST_TIMEOUT,
            Refusal::TimedOut { .. } => StatusCode::GATEWAY_TIMEOUT,
        };
        let retry_after = match refusal {
            Refusal::RateLimited { retry_after } => Some(retry_after),
            Refusal::TimedOut { .. } => Some(1),
            _ => None,
        };
        let problem = Self::new(status, refusal.to_string());
        Self {
            retry_after: retry_after.or(problem.retry_after),
            refusal: Some(refusal),
            ..problem
        }
    }
}
