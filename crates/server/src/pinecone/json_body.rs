use axum::extract::{FromRequest, Request};
use serde::de::DeserializeOwned;

use crate::connections::{BODY_SHARE, LARGEST_BODY, whole_body};
use crate::pinecone::api_error::{ApiError, in_words};

/// The largest body of most requests, in bytes.
pub(crate) const LARGEST: usize = BODY_SHARE;

/// The largest body of an upsert. What counts there is how large the vectors are in binary form: JSON takes up to
/// 25 characters for the 4 bytes of a number.
pub(crate) const LARGEST_UPSERT: usize = LARGEST_BODY;

/// A body of more than this is read apart from what serves.
const LARGE: usize = 64 << 10;

/// How deep JSON may be nested.
const DEEPEST: usize = 127;

/// A request's body of at most `LIMIT` bytes, whatever it says that it is: some clients say nothing.
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

/// A request's body of lines, each a value of JSON.
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
