use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use axum::http::Version;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use crate::connections::admission::Place;
use crate::connections::limits::Limits;
use crate::connections::request_body::Read;

/// How long a client may be silent after our last word before it is not heard out any more. Closed at once, the
/// system would take that word back, were anything to come from it or still unread.
const SILENCE: Duration = Duration::from_secs(1);

/// The same for a client that was answered before it had sent all of its request: it may be slow to come to reading.
const UNSAID: Duration = Duration::from_secs(5);

/// How long a client is heard out in all.
const PARTING: Duration = Duration::from_secs(30);

/// What a while is.
const REST: Duration = Duration::from_secs(1);

/// How long a connection beyond the limit may take over anything.
const CROWDED: Duration = Duration::from_secs(5);

/// What goes on on a connection. Times are milliseconds since it was made, 0 being never.
#[derive(Debug)]
pub(crate) struct Activity {
    made: Instant,
    /// Requests that are being answered.
    asked: AtomicUsize,
    /// When the head of the next request began to come.
    head_since: AtomicU64,
    /// Since when the client has taken nothing of what is sent to it.
    stalled_since: AtomicU64,
    /// When something last went on.
    last: AtomicU64,
    received: AtomicU64,
    /// Whether a request was answered, and one before all of it had come.
    is_answered: AtomicBool,
    is_unsaid: AtomicBool,
    /// Whether it speaks HTTP/2, where what comes between requests is no beginning of one.
    is_http2: AtomicBool,
    is_crowded: AtomicBool,
    place: Mutex<Place>,
}

impl Activity {
    pub(crate) fn new(place: Place) -> Arc<Self> {
        Arc::new(Self {
            is_crowded: place.is_crowded.into(),
            place: Mutex::new(place),
            made: Instant::now(),
            asked: AtomicUsize::new(0),
            head_since: AtomicU64::new(0),
            stalled_since: AtomicU64::new(0),
            last: AtomicU64::new(0),
            received: AtomicU64::new(0),
            is_answered: AtomicBool::new(false),
            is_unsaid: AtomicBool::new(false),
            is_http2: AtomicBool::new(false),
        })
    }

    fn now(&self) -> u64 {
        let passed = self.made.elapsed().as_millis();
        u64::try_from(passed).unwrap_or(u64::MAX).max(1)
    }

    fn touch(&self) {
        self.last.store(self.now(), Ordering::Relaxed);
    }

    /// A request has come; until what is given is dropped, it is being answered.
    pub(crate) fn begin(self: &Arc<Self>, version: Version) -> Asked {
        let is_http2 = version >= Version::HTTP_2;
        self.is_http2.store(is_http2, Ordering::Relaxed);
        self.head_since.store(0, Ordering::Relaxed);
        self.asked.fetch_add(1, Ordering::Relaxed);
        Asked(Arc::clone(self))
    }

    fn has_read(&self, count: usize) {
        self.received.fetch_add(count as u64, Ordering::Relaxed);
        let is_between = self.asked.load(Ordering::Relaxed) == 0;
        if is_between && !self.is_http2.load(Ordering::Relaxed) {
            let none = self.head_since.load(Ordering::Relaxed) == 0;
            let since = if none { self.now() } else { return };
            self.head_since.store(since, Ordering::Relaxed);
        }
    }

    fn has_written(&self, taken: bool) {
        match taken {
            true => {
                self.touch();
                self.stalled_since.store(0, Ordering::Relaxed);
            }
            false if self.stalled_since.load(Ordering::Relaxed) == 0 => {
                self.stalled_since.store(self.now(), Ordering::Relaxed);
            }
            false => {}
        }
    }

    /// Whether the client takes too long: over the head of a request, over taking an answer, or with nothing to ask.
    pub(crate) fn is_over(&self, limits: &Limits) -> bool {
        let now = self.now();
        let longer = |since: &AtomicU64, limit: Duration| {
            let passed = now.saturating_sub(since.load(Ordering::Relaxed));
            u128::from(passed) > limit.as_millis()
        };
        let (time, idle) = match self.is_crowded() {
            true => (limits.time.min(CROWDED), limits.idle.min(CROWDED)),
            false => (limits.time, limits.idle),
        };
        let begun = |since: &AtomicU64| since.load(Ordering::Relaxed) != 0;
        begun(&self.stalled_since) && longer(&self.stalled_since, time)
            || self.asked.load(Ordering::Relaxed) == 0
                && (begun(&self.head_since) && longer(&self.head_since, time)
                    || longer(&self.last, idle))
    }

    /// What has come so far was no head.
    pub(crate) fn forget_head(&self) {
        self.head_since.store(0, Ordering::Relaxed);
    }

    /// Whether no request is being answered or has begun to come.
    pub(crate) fn is_idle(&self) -> bool {
        self.asked.load(Ordering::Relaxed) == 0 && self.head_since.load(Ordering::Relaxed) == 0
    }

    /// Whether this is a connection beyond the limit.
    pub(crate) fn is_crowded(&self) -> bool {
        self.is_crowded.load(Ordering::Relaxed)
    }

    /// Takes a place within the limit.
    pub(crate) fn take(&self, place: Place) {
        self.is_crowded.store(place.is_crowded, Ordering::Relaxed);
        *self.place.lock().unwrap_or_else(PoisonError::into_inner) = place;
    }

    /// Whether nothing has gone on for a while.
    pub(crate) fn is_resting(&self) -> bool {
        let since = self.now().saturating_sub(self.last.load(Ordering::Relaxed));
        u128::from(since) > REST.as_millis()
    }

    /// Whether a request has been answered.
    pub(crate) fn is_answered(&self) -> bool {
        self.is_answered.load(Ordering::Relaxed)
    }

    /// Whether nothing has ever come.
    pub(crate) fn is_unused(&self) -> bool {
        self.received.load(Ordering::Relaxed) == 0
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub(crate) struct Asked(Arc<Activity>);

impl Asked {
    /// It has been answered, after so much of it was read. Over HTTP/2 the rest is heard out beside it.
    pub(crate) fn end(self, read: &Read) {
        self.0.is_answered.store(true, Ordering::Relaxed);
        if !read.is_whole() && !self.0.is_http2.load(Ordering::Relaxed) {
            self.0.is_unsaid.store(true, Ordering::Relaxed);
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.0.touch();
        self.0.asked.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection of which is known what goes on on it.
#[derive(Debug)]
pub(crate) struct Watched {
    stream: TcpStream,
    activity: Arc<Activity>,
    /// Set once all is said.
    parting: Option<Parting>,
}

/// The end of a connection: since when it goes on, and until when the client may be silent.
#[derive(Debug)]
struct Parting {
    since: Instant,
    silent: Pin<Box<Sleep>>,
}

impl Watched {
    pub(crate) fn new(stream: TcpStream, activity: Arc<Activity>) -> Self {
        Self {
            stream,
            activity,
            parting: None,
        }
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        let count = buffer.filled().len() - before;
        if count > 0 {
            self.activity.has_read(count);
        }
        read
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.activity.has_written(written.is_ready());
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.activity.has_written(written.is_ready());
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    /// Says that nothing more is said, and hears the client out for a while.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let silence = match self.activity.is_unsaid.load(Ordering::Relaxed) {
            true => UNSAID,
            false => SILENCE,
        };
        let Self {
            stream, parting, ..
        } = &mut *self;
        let parting = match parting {
            Some(parting) => parting,
            None => {
                ready!(Pin::new(&mut *stream).poll_shutdown(context))?;
                parting.insert(Parting {
                    since: Instant::now(),
                    silent: Box::pin(sleep(silence)),
                })
            }
        };
        // What comes without end is not read without end.
        for _ in 0..64 {
            if parting.silent.as_mut().poll(context).is_ready() || parting.since.elapsed() > PARTING
            {
                return Poll::Ready(Ok(()));
            }
            let mut thrown_away = [0; 8192];
            let mut buffer = ReadBuf::new(&mut thrown_away);
            let read = ready!(Pin::new(&mut *stream).poll_read(context, &mut buffer));
            if read.is_err() || buffer.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            parting
                .silent
                .as_mut()
                .reset(tokio::time::Instant::now() + silence);
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}
