use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use serde::de::DeserializeOwned;

use crate::api_error::ApiError;

/// The largest body, which is the largest of an upsert.
pub(crate) const LARGEST: usize = 2 << 20;

/// A request's body, whatever it says that it is: some clients say nothing.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let bytes = to_bytes(request.into_body(), LARGEST).await;
        let bytes = bytes.map_err(|_| {
            ApiError::too_large(format!(
                "the body is larger than {LARGEST} bytes, or ended too early"
            ))
        })?;
        // Nothing stands for nothing.
        let bytes: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        let value = serde_json::from_slice(bytes);
        let value = value.map_err(|error| {
            ApiError::invalid(format!("the body is not what is expected: {error}"))
        })?;
        Ok(Self(value))
    }
}
