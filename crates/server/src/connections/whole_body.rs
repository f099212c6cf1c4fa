use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use axum::http::request::Parts;
use http_body_util::BodyExt;

use super::admission::BodyRoom;
use super::refusal::Refusal;

/// Why the body of a request could not be read.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum BodyError {
    /// It is compressed.
    #[error("unsupported Content-Encoding `{0}`")]
    Encoding(String),
    /// It is too large.
    #[error("the body is larger than {limit} bytes; split it into several requests")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The connection ended before the body was complete.
    #[error("the body is incomplete")]
    Cut,
    /// There is not enough memory for it now.
    #[error(transparent)]
    NoRoom(#[from] Refusal),
}

/// Splits a request into its head and its body, if that has at most `limit` bytes and there is room for it.
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

/// The Content-Length, if the client sent it.
fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The next bytes of the body, if there are more.
async fn next_frame(body: &mut Body) -> Result<Option<Bytes>, BodyError> {
    let frame = body.frame().await.transpose();
    let frame = frame.map_err(|_| BodyError::Cut)?;
    // Trailers are ignored.
    Ok(frame.map(|frame| frame.into_data().unwrap_or_default()))
}
