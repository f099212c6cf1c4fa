use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::extract::Request;
use axum::http::Version;
use http_body_util::BodyExt;
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout};

/// The largest body of a refused request that is still read, so that its connection can be reused.
const SMALL: usize = 16 << 10;

/// The timeout for that body.
const SMALL_TIMEOUT: Duration = Duration::from_millis(100);

/// The limits for draining an unread body over HTTP/2: size, silence of the client, and total time.
const DRAIN_LIMIT: usize = 32 << 20;
const DRAIN_SILENCE: Duration = Duration::from_secs(5);
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);

/// Whether the whole body of a request has been read.
#[derive(Clone, Debug, Default)]
pub(crate) struct BodyRead(Arc<AtomicBool>);

impl BodyRead {
    pub(crate) fn is_whole(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The body of a request, which notes when it has been read completely.
///
/// Over HTTP/2, the rest of the body is drained while the response is sent. Otherwise the stream would be reset, and
/// clients that are still sending would take the reset for the response.
struct RequestBody {
    incoming: Option<Incoming>,
    read: BodyRead,
    is_http2: bool,
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if let Some(incoming) = self.incoming.take()
            && self.is_http2
            && !self.read.is_whole()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(drain(incoming));
        }
    }
}

/// Reads and discards a body within the limits.
async fn drain(mut body: Incoming) {
    let (began, mut length) = (Instant::now(), 0);
    while length <= DRAIN_LIMIT && began.elapsed() < DRAIN_TIMEOUT {
        match timeout(DRAIN_SILENCE, body.frame()).await {
            Ok(Some(Ok(frame))) => length += frame.data_ref().map_or(0, Bytes::len),
            _ => return,
        }
    }
}

/// Adds a [`BodyRead`] to the extensions of a request.
pub(crate) fn observed(request: Request<Incoming>) -> (Request<Body>, BodyRead) {
    let read = BodyRead::default();
    let (mut parts, incoming) = request.into_parts();
    parts.extensions.insert(read.clone());
    if incoming.is_end_stream() {
        read.set();
        return (Request::from_parts(parts, Body::new(incoming)), read);
    }
    let body = RequestBody {
        incoming: Some(incoming),
        read: read.clone(),
        is_http2: parts.version >= Version::HTTP_2,
    };
    (Request::from_parts(parts, Body::new(body)), read)
}

/// Reads and discards a small body.
pub(crate) async fn discard_small(body: Body) {
    if body
        .size_hint()
        .upper()
        .is_some_and(|size| size <= SMALL as u64)
    {
        let _ = timeout(SMALL_TIMEOUT, to_bytes(body, SMALL)).await;
    }
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(incoming) = &mut self.incoming else {
            return Poll::Ready(None);
        };
        let frame = ready!(Pin::new(&mut *incoming).poll_frame(context));
        if frame.is_none() || incoming.is_end_stream() {
            self.read.set();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming
            .as_ref()
            .map_or_else(SizeHint::default, HttpBody::size_hint)
    }
}
