use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::Version;

use super::admission::ConnectionSlot;
use super::limits::Limits;
use super::request_body::BodyRead;

/// After how long without any progress a connection is quiet.
const QUIET: Duration = Duration::from_secs(1);

/// The time limit of excess connections, for everything.
const EXCESS_TIMEOUT: Duration = Duration::from_secs(5);

/// What happens on a connection. Times are milliseconds since it was opened, 0 being never.
#[derive(Debug)]
pub(crate) struct Activity {
    opened: Instant,
    /// Requests in progress.
    requests: AtomicUsize,
    /// When the head of the next request began to arrive.
    head_since: AtomicU64,
    /// Since when the client has accepted nothing of what is sent to it.
    stalled_since: AtomicU64,
    /// When something was last sent, or a request finished.
    last_progress: AtomicU64,
    received: AtomicU64,
    has_answered: AtomicBool,
    has_answered_early: AtomicBool,
    /// Whether it speaks HTTP/2, where bytes between requests need not begin the head of one.
    is_http2: AtomicBool,
    is_excess: AtomicBool,
    slot: Mutex<ConnectionSlot>,
}

impl Activity {
    pub(crate) fn new(slot: ConnectionSlot) -> Arc<Self> {
        Arc::new(Self {
            is_excess: slot.is_excess().into(),
            slot: Mutex::new(slot),
            opened: Instant::now(),
            requests: AtomicUsize::new(0),
            head_since: AtomicU64::new(0),
            stalled_since: AtomicU64::new(0),
            last_progress: AtomicU64::new(0),
            received: AtomicU64::new(0),
            has_answered: AtomicBool::new(false),
            has_answered_early: AtomicBool::new(false),
            is_http2: AtomicBool::new(false),
        })
    }

    fn now(&self) -> u64 {
        let passed = self.opened.elapsed().as_millis();
        u64::try_from(passed).unwrap_or(u64::MAX).max(1)
    }

    fn note_progress(&self) {
        self.last_progress.store(self.now(), Ordering::Relaxed);
    }

    /// A request has arrived; it is in progress until what this returns is dropped.
    pub(crate) fn begin(self: &Arc<Self>, version: Version) -> InProgress {
        let is_http2 = version >= Version::HTTP_2;
        self.is_http2.store(is_http2, Ordering::Relaxed);
        self.head_since.store(0, Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed);
        InProgress(Arc::clone(self))
    }

    /// Notes that `count` bytes were received.
    pub(crate) fn note_read(&self, count: usize) {
        self.received.fetch_add(count as u64, Ordering::Relaxed);
        let is_between = self.requests.load(Ordering::Relaxed) == 0;
        if is_between && !self.is_http2.load(Ordering::Relaxed) {
            let none = self.head_since.load(Ordering::Relaxed) == 0;
            let since = if none { self.now() } else { return };
            self.head_since.store(since, Ordering::Relaxed);
        }
    }

    /// Notes an attempt to send, which the client accepted or not.
    pub(crate) fn note_write(&self, is_accepted: bool) {
        if is_accepted {
            self.note_progress();
            self.stalled_since.store(0, Ordering::Relaxed);
        } else if self.stalled_since.load(Ordering::Relaxed) == 0 {
            self.stalled_since.store(self.now(), Ordering::Relaxed);
        }
    }

    /// Whether the client has taken too long: to send the head of a request, to accept a response, or to send a
    /// request at all.
    pub(crate) fn is_timed_out(&self, limits: &Limits) -> bool {
        let now = self.now();
        let longer = |since: &AtomicU64, limit: Duration| {
            let passed = now.saturating_sub(since.load(Ordering::Relaxed));
            u128::from(passed) > limit.as_millis()
        };
        let (time, idle) = if self.is_excess() {
            (
                limits.time.min(EXCESS_TIMEOUT),
                limits.idle.min(EXCESS_TIMEOUT),
            )
        } else {
            (limits.time, limits.idle)
        };
        let begun = |since: &AtomicU64| since.load(Ordering::Relaxed) != 0;
        begun(&self.stalled_since) && longer(&self.stalled_since, time)
            || self.requests.load(Ordering::Relaxed) == 0
                && (begun(&self.head_since) && longer(&self.head_since, time)
                    || longer(&self.last_progress, idle))
    }

    /// Notes that the bytes received so far were not the head of a request.
    pub(crate) fn forget_head(&self) {
        self.head_since.store(0, Ordering::Relaxed);
    }

    /// Whether no request is in progress or has begun to arrive.
    pub(crate) fn is_idle(&self) -> bool {
        self.requests.load(Ordering::Relaxed) == 0 && self.head_since.load(Ordering::Relaxed) == 0
    }

    /// Whether this is a connection beyond the limit.
    pub(crate) fn is_excess(&self) -> bool {
        self.is_excess.load(Ordering::Relaxed)
    }

    /// Exchanges the slot of the connection for this one.
    pub(crate) fn move_to(&self, slot: ConnectionSlot) {
        self.is_excess.store(slot.is_excess(), Ordering::Relaxed);
        *self.slot.lock().unwrap_or_else(PoisonError::into_inner) = slot;
    }

    /// Whether nothing has happened for a while.
    pub(crate) fn is_quiet(&self) -> bool {
        let last = self.last_progress.load(Ordering::Relaxed);
        u128::from(self.now().saturating_sub(last)) > QUIET.as_millis()
    }

    /// Whether a request has been answered.
    pub(crate) fn has_answered(&self) -> bool {
        self.has_answered.load(Ordering::Relaxed)
    }

    /// Whether a request was answered over HTTP/1 before all of it had arrived.
    pub(crate) fn has_answered_early(&self) -> bool {
        self.has_answered_early.load(Ordering::Relaxed)
    }

    /// Whether nothing was ever received.
    pub(crate) fn is_unused(&self) -> bool {
        self.received.load(Ordering::Relaxed) == 0
    }
}

/// A request in progress.
#[derive(Debug)]
pub(crate) struct InProgress(Arc<Activity>);

impl InProgress {
    /// The request is answered, with this much of its body read. Over HTTP/2, the body itself drains the rest.
    pub(crate) fn end(self, read: &BodyRead) {
        self.0.has_answered.store(true, Ordering::Relaxed);
        if !read.is_whole() && !self.0.is_http2.load(Ordering::Relaxed) {
            self.0.has_answered_early.store(true, Ordering::Relaxed);
        }
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        self.0.note_progress();
        self.0.requests.fetch_sub(1, Ordering::Relaxed);
    }
}
