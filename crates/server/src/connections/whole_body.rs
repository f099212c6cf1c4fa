use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use axum::http::request::Parts;
use http_body_util::BodyExt;

use super::admission::BodyRoom;
use super::refusal::Refusal;

/// Why a request's body could not be had.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum BodyError {
    /// It is compressed.
    #[error("the body's encoding is `{0}`, expected none")]
    Encoding(String),
    /// It is too large.
    #[error("the body is larger than {limit} bytes: send it in several requests")]
    TooLarge {
        /// The most bytes.
        limit: usize,
    },
    /// The connection ended within it.
    #[error("the body ended before it was whole")]
    Cut,
    /// There is no room for it now.
    #[error(transparent)]
    NoRoom(#[from] Refusal),
}

/// The request without its body, and the whole body, if it has at most `limit` bytes and there is room for it.
pub(crate) async fn whole_body(
    request: Request,
    limit: usize,
) -> Result<(Parts, Vec<u8>), BodyError> {
    let (parts, mut body) = request.into_parts();
    check_encoding(&parts.headers)?;
    if announced(&parts.headers).is_some_and(|length| length > limit as u64) {
        return Err(BodyError::TooLarge { limit });
    }
    let room = parts.extensions.get::<BodyRoom>();
    let mut bytes = Vec::new();
    while let Some(frame) = next_frame(&mut body).await? {
        let length = bytes.len() + frame.len();
        if length > limit {
            return Err(BodyError::TooLarge { limit });
        }
        room.map_or(Ok(()), |room| room.reserve(length))?;
        bytes.extend_from_slice(&frame);
    }
    Ok((parts, bytes))
}

fn check_encoding(headers: &HeaderMap) -> Result<(), BodyError> {
    let encoding = headers.get(CONTENT_ENCODING);
    match encoding.filter(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        Some(encoding) => Err(BodyError::Encoding(
            String::from_utf8_lossy(encoding.as_bytes()).into_owned(),
        )),
        None => Ok(()),
    }
}

/// The length of the body, if the client says it.
fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The next bytes of the body, if there are more.
async fn next_frame(body: &mut Body) -> Result<Option<Bytes>, BodyError> {
    let frame = body.frame().await.transpose();
    let frame = frame.map_err(|_| BodyError::Cut)?;
    // Trailers say nothing here.
    Ok(frame.map(|frame| frame.into_data().unwrap_or_default()))
}
