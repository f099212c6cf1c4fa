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

/// A body of a refused request that is no larger is read all the same, so that its connection can be used again.
const SMALL: usize = 16 << 10;

/// How long such a body may take.
const PATIENCE: Duration = Duration::from_millis(100);

/// The most that is read of a refused body over HTTP/2, and how long its client may be silent, and take in all.
const MOST: usize = 32 << 20;
const SILENCE: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(30);

/// Whether the whole body of a request has been read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Read(Arc<AtomicBool>);

impl Read {
    pub(crate) fn is_whole(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A body of which is known when it has been read.
///
/// Over HTTP/2, what is left of one is read and thrown away beside the answer. The stream would be reset otherwise, and
/// clients that are still sending take that for the answer.
struct Tracked {
    body: Option<Incoming>,
    read: Read,
    is_http2: bool,
}

impl Drop for Tracked {
    fn drop(&mut self) {
        if let Some(body) = self.body.take()
            && self.is_http2
            && !self.read.is_whole()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(hear_out(body));
        }
    }
}

/// Reads what comes for a while, and throws it away.
async fn hear_out(mut body: Incoming) {
    let (began, mut length) = (Instant::now(), 0);
    while length <= MOST && began.elapsed() < LONGEST {
        match timeout(SILENCE, body.frame()).await {
            Ok(Some(Ok(frame))) => length += frame.data_ref().map_or(0, Bytes::len),
            _ => return,
        }
    }
}

/// The request, of which is known when its body has been read: it is among its extensions, too.
pub(crate) fn tracked(request: Request<Incoming>) -> (Request<Body>, Read) {
    let read = Read::default();
    let (mut parts, body) = request.into_parts();
    parts.extensions.insert(read.clone());
    if body.is_end_stream() {
        read.set();
        return (Request::from_parts(parts, Body::new(body)), read);
    }
    let body = Tracked {
        body: Some(body),
        read: read.clone(),
        is_http2: parts.version >= Version::HTTP_2,
    };
    (Request::from_parts(parts, Body::new(body)), read)
}

/// Reads a small body and throws it away.
pub(crate) async fn throw_away(body: Body) {
    if body
        .size_hint()
        .upper()
        .is_some_and(|size| size <= SMALL as u64)
    {
        let _ = timeout(PATIENCE, to_bytes(body, SMALL)).await;
    }
}

impl HttpBody for Tracked {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let frame = ready!(Pin::new(&mut *body).poll_frame(context));
        if frame.is_none() || body.is_end_stream() {
            self.read.set();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body
            .as_ref()
            .map_or_else(SizeHint::default, HttpBody::size_hint)
    }
}
