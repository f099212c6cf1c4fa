use std::convert::Infallible;

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::header::HOST;
use axum::http::request::Parts;
use axum::http::uri::Authority;
use serde::de::DeserializeOwned;

use crate::pinecone::api_error::{ApiError, in_words};

/// The name in a path.
pub(crate) struct InPath(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for InPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Path(name) = Path::from_request_parts(parts, state)
            .await
            .map_err(|error| ApiError::invalid(format!("invalid path: {}", error.body_text())))?;
        Ok(Self(name))
    }
}

/// The query parameters.
pub(crate) struct InQuery<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for InQuery<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Query(parameters) = Query::from_request_parts(parts, state)
            .await
            .map_err(|error| {
                let reason = in_words(&error.body_text());
                ApiError::invalid(format!("invalid parameters: {reason}"))
            })?;
        Ok(Self(parameters))
    }
}

/// The host and port that a client used to reach the server.
pub(crate) struct AskedHost(pub(crate) Option<Authority>);

impl<S: Send + Sync> FromRequestParts<S> for AskedHost {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let named = parts.headers.get(HOST);
        let named = named.and_then(|host| host.to_str().ok()?.parse().ok());
        // HTTP/2 has it in the URI.
        Ok(Self(named.or_else(|| parts.uri.authority().cloned())))
    }
}
