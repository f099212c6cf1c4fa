//! Parsing of requests: path, parameters, JSON body and uploaded pictures.

use axum::body::Body;
use axum::extract::multipart::Multipart;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::problem::Problem;
use crate::connections::{LARGEST_BODY, whole_body};

/// The form part with the JSON of the request.
const REQUEST: &str = "request";

/// The form parts with pictures.
const IMAGE: &str = "image";

/// The maximum number of pictures in a form.
const MOST_PICTURES: usize = 256;

/// The path parameters, percent-decoded.
pub(super) struct InPath<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for InPath<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::from_request_parts(parts, state).await;
        let Path(value) =
            path.map_err(|error| Problem::invalid(format!("invalid path: {}", error.body_text())))?;
        Ok(Self(value))
    }
}

/// The query parameters.
pub(super) struct InQuery<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for InQuery<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = Query::from_request_parts(parts, state).await;
        let Query(value) = query.map_err(|error| {
            Problem::invalid(format!("invalid parameters: {}", error.body_text()))
        })?;
        Ok(Self(value))
    }
}

/// The body: JSON, or a form with JSON in the part `request` and pictures in the parts `image`.
pub(super) struct RequestBody<T> {
    pub(super) request: T,
    pub(super) pictures: Vec<Upload>,
}

/// An uploaded picture.
#[derive(Clone, Debug)]
pub(super) struct Upload {
    /// The file name, if the client sent one.
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
}

impl<S: Send + Sync, T: DeserializeOwned + Send + Sync> FromRequest<S> for RequestBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, bytes) = whole_body(request, LARGEST_BODY).await?;
        let kind = parts.headers.get(CONTENT_TYPE);
        let is_form = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"multipart/form-data"));
        if is_form {
            return Self::of(parts_of(parts, bytes).await?);
        }
        Ok(Self {
            request: parsed(&bytes)?,
            pictures: Vec::new(),
        })
    }
}

/// A part of a form.
pub(crate) struct Part {
    pub(crate) name: String,
    /// The file name, if the client sent one.
    pub(crate) file_name: Option<String>,
    pub(crate) bytes: Vec<u8>,
}

/// The parts of a request's form.
pub(crate) async fn form(request: Request) -> Result<Vec<Part>, Problem> {
    let (parts, bytes) = whole_body(request, LARGEST_BODY).await?;
    parts_of(parts, bytes).await
}

async fn parts_of(parts: Parts, bytes: Vec<u8>) -> Result<Vec<Part>, Problem> {
    let request = Request::from_parts(parts, Body::from(bytes));
    let bad = |reason: String| Problem::invalid(format!("invalid form: {reason}"));
    let form = Multipart::from_request(request, &()).await;
    let mut form = form.map_err(|error| bad(error.body_text()))?;
    let mut parts = Vec::new();
    while let Some(part) = form
        .next_field()
        .await
        .map_err(|error| bad(error.body_text()))?
    {
        let name = part.name().unwrap_or_default().to_owned();
        let file_name = part.file_name().map(str::to_owned);
        let bytes = part.bytes().await.map_err(|error| bad(error.body_text()))?;
        parts.push(Part {
            name,
            file_name,
            bytes: bytes.into(),
        });
    }
    Ok(parts)
}

impl<T: DeserializeOwned> RequestBody<T> {
    fn of(parts: Vec<Part>) -> Result<Self, Problem> {
        let (mut asked, mut pictures) = (None, Vec::new());
        for part in parts {
            match part.name.as_str() {
                REQUEST => asked = Some(parsed(&part.bytes)?),
                IMAGE if pictures.len() == MOST_PICTURES => {
                    return Err(Problem::invalid(format!(
                        "invalid form: more than {MOST_PICTURES} pictures"
                    )));
                }
                IMAGE => pictures.push(Upload {
                    name: part.file_name.unwrap_or_else(|| "picture".to_owned()),
                    bytes: part.bytes,
                }),
                other => {
                    return Err(Problem::invalid(format!(
                        "invalid form: unknown part `{other}`, expected `{REQUEST}` and `{IMAGE}`"
                    )));
                }
            }
        }
        Ok(Self {
            request: asked.map_or_else(|| parsed(b"{}"), Ok)?,
            pictures,
        })
    }
}

/// Parses a JSON object.
pub(crate) fn parsed<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err(Problem::invalid("the body is not a JSON object"));
    }
    serde_json::from_slice(bytes)
        .map_err(|error| Problem::invalid(format!("invalid body: {error}")))
}

/// The answer for an unknown path.
pub(super) async fn unknown_path() -> Problem {
    Problem::not_found("no such path")
}

/// The answer for a wrong method.
pub(super) async fn wrong_method() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method not allowed")
}
