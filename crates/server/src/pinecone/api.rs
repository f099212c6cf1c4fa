//! The access rules of Pinecone's API.

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse, Response};
use tonic::Status;

use super::api_error::ApiError;
use crate::connections::{Access, Api, Refusal, RefusalForm};

/// Pinecone's API.
pub(crate) const API: Api = Api {
    access,
    refusal_form,
    is_for_pages: false,
};

/// The routes that need no key.
const OPEN: [&str; 2] = ["/healthz", "/readyz"];

/// The routes beyond all limits.
const MONITORING: [&str; 1] = ["/metrics"];

/// The routes that only read, although their method is `POST`.
const READING: [&str; 11] = [
    "/records/namespaces/{namespace}/search",
    "/query",
    "/vectors/fetch_by_metadata",
    "/describe_index_stats",
    "/VectorService/Fetch",
    "/VectorService/FetchByMetadata",
    "/VectorService/List",
    "/VectorService/Query",
    "/VectorService/DescribeIndexStats",
    "/VectorService/ListNamespaces",
    "/VectorService/DescribeNamespace",
];

fn access(method: &Method, route: Option<&str>) -> Access {
    let Some(route) = route else {
        return Access::Read;
    };
    match *method {
        _ if OPEN.contains(&route) => Access::Open,
        _ if MONITORING.contains(&route) => Access::Monitoring,
        Method::GET | Method::HEAD | Method::OPTIONS => Access::Read,
        Method::POST if READING.contains(&route) => Access::Read,
        _ => Access::Write,
    }
}

/// Refusals in the form of gRPC or JSON.
fn refusal_form(headers: &HeaderMap) -> RefusalForm {
    let kind = headers.get(CONTENT_TYPE);
    let is_grpc = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
    if is_grpc { grpc_refusal } else { json_refusal }
}

fn grpc_refusal(refusal: Refusal) -> Response {
    Status::from(ApiError::from(refusal)).into_http()
}

fn json_refusal(refusal: Refusal) -> Response {
    ApiError::from(refusal).into_response()
}
