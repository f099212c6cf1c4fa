use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::extract::Request;
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::time::timeout;

/// A body of a refused request that is no larger is read all the same, so that its connection can be used again.
const SMALL: usize = 16 << 10;

/// How long such a body may take.
const PATIENCE: Duration = Duration::from_millis(100);

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
struct Tracked {
    body: Incoming,
    read: Read,
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
        body,
        read: read.clone(),
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
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if frame.is_none() || self.body.is_end_stream() {
            self.read.set();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
