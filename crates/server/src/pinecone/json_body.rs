use axum::extract::{FromRequest, Request};
use serde::de::DeserializeOwned;

use crate::connections::{BODY_SHARE, LARGEST_BODY, whole_body};
use crate::pinecone::api_error::{ApiError, in_words};

/// The largest body of most requests, in bytes.
pub(crate) const LARGEST: usize = BODY_SHARE;

/// The largest body of an upsert, in bytes. The limit of an upsert is on its binary size: a number of 4 bytes takes up to
/// 25 characters in JSON.
pub(crate) const LARGEST_UPSERT: usize = LARGEST_BODY;

/// A larger body is parsed on a separate thread.
const LARGE: usize = 64 << 10;

/// The maximum nesting of JSON.
const DEEPEST: usize = 127;

/// A JSON body of at most `LIMIT` bytes. The content type is ignored, as some clients send none.
pub(crate) struct JsonBody<T, const LIMIT: usize = LARGEST>(pub(crate) T);

impl<S: Sync, T: DeserializeOwned + Send + 'static, const LIMIT: usize> FromRequest<S>
    for JsonBody<T, LIMIT>
{
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let bytes = whole_body(request, LIMIT).await?.1;
        if bytes.len() <= LARGE {
            return parsed(&bytes).map(Self);
        }
        let parsed = tokio::task::spawn_blocking(move || parsed(&bytes)).await;
        parsed.unwrap_or_else(|_| Err(ApiError::bug())).map(Self)
    }
}

/// A body with a JSON value per line.
pub(crate) struct LinesBody<T>(pub(crate) Vec<T>);

impl<S: Sync, T: DeserializeOwned + Send + 'static> FromRequest<S> for LinesBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let bytes = whole_body(request, LARGEST).await?.1;
        let lines = bytes.split(|&byte| byte == b'\n');
        let lines = lines.filter(|line| !line.trim_ascii().is_empty());
        lines.map(parsed).collect::<Result<_, _>>().map(Self)
    }
}

fn parsed<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    // An empty body counts as an empty object.
    let bytes: &[u8] = if bytes.is_empty() { b"{}" } else { bytes };
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err(ApiError::invalid("the body is not a JSON object"));
    }
    serde_json::from_slice(bytes).map_err(|error| {
        let reason = in_words(&error.to_string());
        ApiError::invalid(if reason.contains("recursion limit exceeded") {
            format!("the body is nested deeper than the limit of {DEEPEST} levels")
        } else {
            format!("invalid body: {reason}")
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
