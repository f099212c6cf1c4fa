use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;

use crate::connections::{BODY_SHARE, BodyRoom, LARGEST_BODY};
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
        let bytes = whole(request, LIMIT).await?;
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
        let bytes = whole(request, LARGEST).await?;
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

/// The whole body, if it has at most `limit` bytes and there is room for it.
async fn whole(request: Request, limit: usize) -> Result<Vec<u8>, ApiError> {
    let (parts, mut body) = request.into_parts();
    check_encoding(&parts.headers)?;
    if announced(&parts.headers).is_some_and(|length| length > limit as u64) {
        return Err(too_large(limit));
    }
    let room = parts.extensions.get::<BodyRoom>();
    let mut bytes = Vec::new();
    while let Some(frame) = next_frame(&mut body).await? {
        let length = bytes.len() + frame.len();
        if length > limit {
            return Err(too_large(limit));
        }
        room.map_or(Ok(()), |room| room.reserve(length))?;
        bytes.extend_from_slice(&frame);
    }
    Ok(bytes)
}

/// The length of the body, if the client says it.
fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The next bytes of the body, if there are more.
async fn next_frame(body: &mut Body) -> Result<Option<Bytes>, ApiError> {
    let frame = body.frame().await.transpose();
    let frame = frame.map_err(|_| ApiError::invalid("the body ended before it was whole"))?;
    // Trailers say nothing here.
    Ok(frame.map(|frame| frame.into_data().unwrap_or_default()))
}

fn too_large(limit: usize) -> ApiError {
    ApiError::too_large(format!(
        "the body is larger than {limit} bytes: send it in several requests"
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
