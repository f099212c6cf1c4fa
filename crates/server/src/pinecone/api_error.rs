use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::connections::{BodyError, Fault, HiddenColumn, Refusal};
use crate::error::ServerError;
use crate::models::ModelError;
use crate::workspace::WorkPanicked;

/// An error in the form of Pinecone's API: a status that its clients know how to handle, a code and a message.
///
/// The control plane's form is `{"status": 404, "error": {"code": "NOT_FOUND", "message": …}}`, the data plane's
/// `{"code": 5, "message": …, "details": []}`. A response has both, so that each client finds its own.
#[derive(Clone, Debug)]
pub(crate) struct ApiError {
    code: Code,
    message: String,
    /// Seconds until a retry may succeed.
    retry_after: Option<u64>,
    /// The reason, if the gateway refused the request.
    refusal: Option<Refusal>,
}

/// The codes of gRPC, some of them split by HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Code {
    InvalidArgument,
    NotFound,
    AlreadyExists,
    PermissionDenied,
    TooLarge,
    WrongMethod,
    WrongEncoding,
    TooMany,
    Unimplemented,
    Internal,
    Unavailable,
    SlowBody,
    TimedOut,
    Unauthenticated,
}

impl Code {
    /// Its number, its name and its HTTP status.
    fn parts(self) -> (u8, &'static str, StatusCode) {
        match self {
            Self::InvalidArgument => (3, "INVALID_ARGUMENT", StatusCode::BAD_REQUEST),
            Self::NotFound => (5, "NOT_FOUND", StatusCode::NOT_FOUND),
            Self::AlreadyExists => (6, "ALREADY_EXISTS", StatusCode::CONFLICT),
            Self::PermissionDenied => (7, "FORBIDDEN", StatusCode::FORBIDDEN),
            // As at Pinecone. gRPC clients would retry RESOURCE_EXHAUSTED.
            Self::TooLarge => (11, "OUT_OF_RANGE", StatusCode::BAD_REQUEST),
            Self::WrongMethod => (12, "UNIMPLEMENTED", StatusCode::METHOD_NOT_ALLOWED),
            Self::WrongEncoding => (3, "INVALID_ARGUMENT", StatusCode::UNSUPPORTED_MEDIA_TYPE),
            Self::TooMany => (8, "RESOURCE_EXHAUSTED", StatusCode::TOO_MANY_REQUESTS),
            Self::SlowBody => (4, "DEADLINE_EXCEEDED", StatusCode::REQUEST_TIMEOUT),
            Self::TimedOut => (4, "DEADLINE_EXCEEDED", StatusCode::GATEWAY_TIMEOUT),
            Self::Unimplemented => (12, "UNIMPLEMENTED", StatusCode::NOT_IMPLEMENTED),
            Self::Internal => (13, "INTERNAL", StatusCode::INTERNAL_SERVER_ERROR),
            Self::Unavailable => (14, "UNAVAILABLE", StatusCode::SERVICE_UNAVAILABLE),
            Self::Unauthenticated => (16, "UNAUTHENTICATED", StatusCode::UNAUTHORIZED),
        }
    }
}

impl ApiError {
    fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            retry_after: matches!(code, Code::Unavailable | Code::TimedOut).then_some(1),
            refusal: None,
        }
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidArgument, message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(Code::NotFound, message)
    }

    pub(crate) fn exists(message: impl Into<String>) -> Self {
        Self::new(Code::AlreadyExists, message)
    }

    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(Code::PermissionDenied, message)
    }

    pub(crate) fn too_large(message: impl Into<String>) -> Self {
        Self::new(Code::TooLarge, message)
    }

    pub(crate) fn wrong_method() -> Self {
        Self::new(Code::WrongMethod, "method not allowed")
    }

    pub(crate) fn wrong_encoding(message: impl Into<String>) -> Self {
        Self::new(Code::WrongEncoding, message)
    }

    pub(crate) fn unsupported(what: &str) -> Self {
        Self::new(
            Code::Unimplemented,
            format!("clipseek serve does not support {what}"),
        )
    }

    pub(crate) fn unauthenticated() -> Self {
        Self::new(Code::Unauthenticated, "Invalid API key")
    }

    /// The client has exceeded its rate limit.
    pub(crate) fn too_many(seconds: u64, message: impl Into<String>) -> Self {
        Self {
            retry_after: Some(seconds),
            ..Self::new(Code::TooMany, message)
        }
    }

    /// The server cannot answer now.
    pub(crate) fn busy(message: impl Into<String>) -> Self {
        Self::new(Code::Unavailable, message)
    }

    /// An internal error.
    pub(crate) fn bug() -> Self {
        Self::internal("internal error; please report it")
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(Code::Internal, message)
    }
}

/// Terms of Rust in errors of the parser, and their replacements.
const IN_WORDS: [(&str, &str); 7] = [
    ("expected usize", "expected a whole number, 0 or more"),
    ("expected u32", "expected a whole number, 0 or more"),
    ("expected f32", "expected a number"),
    ("expected a sequence", "expected a list"),
    ("expected a map", "expected an object"),
    ("invalid type: map", "invalid type: object"),
    (
        "invalid digit found in string",
        "expected a whole number, 0 or more",
    ),
];

/// Replaces terms of Rust in an error of the parser.
pub(crate) fn in_words(text: &str) -> String {
    let mut text = text.to_owned();
    for (rust, words) in IN_WORDS {
        text = text.replace(rust, words);
    }
    match text.split_once("expected struct ") {
        Some((before, after)) => {
            let (_, rest) = after.split_once(' ').unwrap_or_default();
            format!("{before}expected an object {rest}")
        }
        None => text,
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (number, name, status) = self.code.parts();
        if self.code == Code::Unauthenticated {
            // In plain text, as at Pinecone.
            return (status, [(CONTENT_TYPE, "text/plain")], self.message).into_response();
        }
        let body = json!({
            "status": status.as_u16(),
            "error": {"code": name, "message": self.message},
            "code": number,
            "message": self.message,
            "details": [],
        });
        let mut answer = (status, Json(body)).into_response();
        if self.code == Code::Internal {
            answer.extensions_mut().insert(Fault(self.message));
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

impl From<ApiError> for tonic::Status {
    fn from(error: ApiError) -> Self {
        let (number, ..) = error.code.parts();
        Self::new(tonic::Code::from_i32(number.into()), error.message)
    }
}

impl From<index::Error> for ApiError {
    fn from(error: index::Error) -> Self {
        use index::Error as E;
        let code = match &error {
            E::IndexNotFound { .. } | E::VectorNotFound { .. } => Code::NotFound,
            E::IndexExists { .. } => Code::AlreadyExists,
            E::DeletionProtected { .. } | E::ReadOnly { .. } => Code::PermissionDenied,
            E::Busy { .. } | E::ChangedMeanwhile { .. } => Code::Unavailable,
            E::InvalidIndexName { .. }
            | E::InvalidDimension { .. }
            | E::UnknownMetric { .. }
            | E::DimensionMismatch { .. }
            | E::NotFinite { .. }
            | E::ZeroVector { .. }
            | E::InvalidId { .. }
            | E::InvalidNamespace { .. }
            | E::InvalidMetadataKey { .. }
            | E::InvalidMetadata { .. }
            | E::MetadataTooLarge { .. }
            | E::InvalidTopK { .. }
            | E::InvalidToken { .. }
            | E::UnknownOperator { .. }
            | E::InvalidFilter { .. }
            | E::TooManyFilterValues { .. }
            | E::FilterTooDeep
            | E::InvalidSparse { .. }
            | E::NoSparseValues { .. }
            | E::SparseOnly { .. }
            | E::SparseMetric { .. } => Code::InvalidArgument,
            _ => Code::Internal,
        };
        Self::new(code, error.to_string())
    }
}

impl From<search::Error> for ApiError {
    fn from(error: search::Error) -> Self {
        Self::internal(error.to_string())
    }
}

impl From<ModelError> for ApiError {
    fn from(error: ModelError) -> Self {
        Self::internal(error.to_string())
    }
}

impl From<WorkPanicked> for ApiError {
    fn from(_: WorkPanicked) -> Self {
        Self::bug()
    }
}

impl From<ServerError> for ApiError {
    fn from(error: ServerError) -> Self {
        match error {
            ServerError::Index(error) => error.into(),
            error => Self::internal(error.to_string()),
        }
    }
}

impl From<HiddenColumn> for ApiError {
    fn from(error: HiddenColumn) -> Self {
        Self::forbidden(error.to_string())
    }
}

impl From<BodyError> for ApiError {
    fn from(error: BodyError) -> Self {
        let message = error.to_string();
        match error {
            BodyError::Encoding(_) => Self::wrong_encoding(message),
            BodyError::TooLarge { .. } => Self::too_large(message),
            BodyError::Cut => Self::invalid(message),
            BodyError::NoRoom(refusal) => refusal.into(),
        }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal {
            Refusal::InvalidKey => return Self::unauthenticated(),
            Refusal::RateLimited { retry_after } => {
                return Self::too_many(retry_after, refusal.to_string());
            }
            Refusal::MissingHost => Code::InvalidArgument,
            Refusal::ForeignHost { .. }
            | Refusal::ForeignOrigin
            | Refusal::ReadOnlyKey
            | Refusal::LimitedKey => Code::PermissionDenied,
            Refusal::NoIndex { .. } => Code::NotFound,
            Refusal::Busy | Refusal::TooManyConnections => Code::Unavailable,
            Refusal::SlowBody { .. } => Code::SlowBody,
            Refusal::TimedOut { .. } => Code::TimedOut,
        };
        Self {
            refusal: Some(refusal.clone()),
            ..Self::new(code, refusal.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_not_rust() {
        for (said, expected) in [
            (
                "invalid type: string \"1\", expected usize at line 1 column 9",
                "invalid type: string \"1\", expected a whole number, 0 or more at line 1 column 9",
            ),
            (
                "invalid type: integer `7`, expected struct WireVector at line 1 column 3",
                "invalid type: integer `7`, expected an object at line 1 column 3",
            ),
            ("missing field `vectors`", "missing field `vectors`"),
        ] {
            assert_eq!(in_words(said), expected);
        }
    }
}
