use std::error::Error;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http_body_util::LengthLimitError;
use serde::de::DeserializeOwned;

use crate::pinecone::api_error::{ApiError, in_words};

/// The largest body, which is the largest of an upsert.
pub(crate) const LARGEST: usize = 2 << 20;

/// A body of more than this is read apart from what serves.
const LARGE: usize = 64 << 10;

/// How deep JSON may be nested.
const DEEPEST: usize = 127;

/// A request's body, whatever it says that it is: some clients say nothing.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<S: Sync, T: DeserializeOwned + Send + 'static> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        check_encoding(&parts.headers)?;
        let length = parts.headers.get(CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if length.is_some_and(|length| length > LARGEST as u64) {
            return Err(too_large());
        }
        let bytes = whole(body).await?;
        if bytes.len() <= LARGE {
            return parsed(&bytes).map(Self);
        }
        let parsed = tokio::task::spawn_blocking(move || parsed(&bytes)).await;
        parsed.unwrap_or_else(|_| Err(ApiError::bug())).map(Self)
    }
}

/// A request's body of lines, each a value of JSON.
pub(crate) struct LinesBody<T>(pub(crate) Vec<T>);

impl<S: Sync, T: DeserializeOwned + Send + 'static> FromRequest<S> for LinesBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        check_encoding(request.headers())?;
        let bytes = whole(request.into_body()).await?;
        let lines = bytes.split(|&byte| byte == b'\n');
        let lines = lines.filter(|line| !line.trim_ascii().is_empty());
        lines.map(parsed).collect::<Result<_, _>>().map(Self)
    }
}

fn check_encoding(headers: &HeaderMap) -> Result<(), ApiError> {
    let encoding = headers.get(CONTENT_ENCODING);
    match encoding.filter(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        Some(encoding) => Err(ApiError::wrong_encoding(format!(
            "the body's encoding is `{}`, expected none",
            String::from_utf8_lossy(encoding.as_bytes())
        ))),
        None => Ok(()),
    }
}

async fn whole(body: Body) -> Result<Bytes, ApiError> {
    to_bytes(body, LARGEST).await.map_err(|error| {
        match error
            .source()
            .is_some_and(<dyn Error>::is::<LengthLimitError>)
        {
            true => too_large(),
            false => ApiError::invalid("the body ended before it was whole"),
        }
    })
}

fn too_large() -> ApiError {
    ApiError::too_large(format!(
        "the body is larger than {LARGEST} bytes: send what is in it in several"
    ))
}

fn parsed<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    // Nothing stands for nothing.
    let bytes: &[u8] = if bytes.is_empty() { b"{}" } else { bytes };
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err(ApiError::invalid("the body is no JSON object"));
    }
    serde_json::from_slice(bytes).map_err(|error| {
        let said = in_words(&error.to_string());
        ApiError::invalid(match said.contains("recursion limit exceeded") {
            true => format!("the body is nested deeper than the limit of {DEEPEST} levels"),
            false => format!("the body is not what is expected: {said}"),
        })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn the_depth_is_as_is_said() {
        let lists = |depth: usize| [vec![b'['; depth], vec![b']'; depth]].concat();
        let nested = |depth| [b"{\"a\":".to_vec(), lists(depth - 1), b"}".to_vec()].concat();
        assert!(parsed::<Value>(&nested(DEEPEST)).is_ok());
        assert!(parsed::<Value>(&nested(DEEPEST + 1)).is_err());
    }
}
