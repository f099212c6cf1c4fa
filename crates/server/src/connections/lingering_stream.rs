use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use super::activity::Activity;

/// How long a client may be silent after our last byte before its connection closes.
const SILENCE: Duration = Duration::from_secs(1);

/// The same for a client that was answered before it had sent all of its request: it may be slow to begin reading.
const EARLY_SILENCE: Duration = Duration::from_secs(5);

/// How long a closing connection lingers at most.
const LINGER_LIMIT: Duration = Duration::from_secs(30);

/// A connection that notes its activity, and closes only after it has read what the client was still sending.
///
/// With unread input, the system would reset the connection and discard the response that is still on its way. nginx calls
/// this a lingering close.
#[derive(Debug)]
pub(crate) struct LingeringStream {
    stream: TcpStream,
    activity: Arc<Activity>,
    /// Set once we have sent everything.
    closing: Option<Closing>,
}

/// The end of a connection: when it began, and until when the client may be silent.
#[derive(Debug)]
struct Closing {
    since: Instant,
    silent: Pin<Box<Sleep>>,
}

impl LingeringStream {
    pub(crate) fn new(stream: TcpStream, activity: Arc<Activity>) -> Self {
        Self {
            stream,
            activity,
            closing: None,
        }
    }
}

impl AsyncRead for LingeringStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        let count = buffer.filled().len() - before;
        if count > 0 {
            self.activity.note_read(count);
        }
        read
    }
}

impl AsyncWrite for LingeringStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.activity.note_write(written.is_ready());
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.activity.note_write(written.is_ready());
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    /// Closes our side, and reads what the client still sends until it is silent.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let silence = if self.activity.has_answered_early() {
            EARLY_SILENCE
        } else {
            SILENCE
        };
        let Self {
            stream, closing, ..
        } = &mut *self;
        let closing = match closing {
            Some(closing) => closing,
            None => {
                ready!(Pin::new(&mut *stream).poll_shutdown(context))?;
                closing.insert(Closing {
                    since: Instant::now(),
                    silent: Box::pin(sleep(silence)),
                })
            }
        };
        // A client that never stops sending must not keep this task busy forever.
        for _ in 0..64 {
            if closing.silent.as_mut().poll(context).is_ready()
                || closing.since.elapsed() > LINGER_LIMIT
            {
                return Poll::Ready(Ok(()));
            }
            let mut discarded = [0; 8192];
            let mut buffer = ReadBuf::new(&mut discarded);
            let read = ready!(Pin::new(&mut *stream).poll_read(context, &mut buffer));
            if read.is_err() || buffer.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            let silent_until = tokio::time::Instant::now() + silence;
            closing.silent.as_mut().reset(silent_until);
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Version;
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    use super::*;
    use crate::connections::admission::Admission;
    use crate::connections::limits::Limits;
    use crate::connections::request_body::BodyRead;

    /// How long a connection lingers with a client that is silent, on a clock that jumps to the next timer.
    async fn lingers(is_answered_early: bool) -> Duration {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let admission = Admission::new(&Limits::default(), 0);
        let activity = Activity::new(admission.connection().await);
        if is_answered_early {
            let unread = BodyRead::default();
            activity.begin(Version::HTTP_11).end(&unread);
        }
        let mut stream = LingeringStream::new(stream, activity);
        let start = tokio::time::Instant::now();
        stream.shutdown().await.unwrap();
        start.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_was_answered_early_may_be_silent_for_longer() {
        let granularity = Duration::from_millis(10);
        assert!(lingers(false).await.abs_diff(SILENCE) < granularity);
        assert!(lingers(true).await.abs_diff(EARLY_SILENCE) < granularity);
    }
}
