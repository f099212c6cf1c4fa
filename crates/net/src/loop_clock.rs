use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

/// How often the clock checks that its event loop runs.
const TICK: Duration = Duration::from_millis(50);

/// A clock that runs only while one tokio event loop does.
///
/// If the process gets no processor time, responses are read late, and a deadline by the wall clock would
/// blame the server. A task that wakes every 50 ms measures how late the loop is, and this clock leaves out
/// that time.
#[derive(Debug, Default)]
pub struct LoopClock {
    state: Arc<SharedLoopState>,
    task: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct SharedLoopState(Mutex<LoopState>);

/// The measurements of an event loop.
#[derive(Debug)]
struct LoopState {
    start: Instant,
    /// The total delay of the loop.
    late: Duration,
    /// When the task should wake next.
    next: Instant,
}

impl LoopClock {
    /// Starts the clock in the current event loop. If it already runs in another loop, it moves only after
    /// that one ended.
    pub fn start(&self) {
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if task.as_ref().is_none_or(JoinHandle::is_finished) {
            let state = Arc::clone(&self.state);
            *task = Some(tokio::spawn(async move {
                loop {
                    sleep_until(state.note()).await;
                }
            }));
        }
    }

    /// The time since the clock was created.
    pub fn now(&self) -> Duration {
        let (state, now) = (self.state.lock(), Instant::now());
        now - state.start - state.late - now.saturating_duration_since(state.next)
    }

    /// Waits for `coming` until this clock shows `end`; `None` if it isn't ready by then.
    pub async fn until<T>(&self, end: Duration, coming: impl Future<Output = T>) -> Option<T> {
        let mut coming = pin!(coming);
        while self.now() < end {
            let left = end.saturating_sub(self.now());
            if let Ok(came) = timeout(left, &mut coming).await {
                return Some(came);
            }
        }
        // One more round of the loop reads what arrived while it stood still.
        timeout(TICK, coming).await.ok()
    }

    /// Sends a request with a client whose `connect_timeout` is `limit`. Sends it again if connecting timed
    /// out although the loop stood still for half of that time: reqwest uses the wall clock.
    ///
    /// # Errors
    /// Those of `send`.
    pub async fn send<T, Sending>(
        &self,
        limit: Duration,
        mut send: impl FnMut() -> Sending,
    ) -> reqwest::Result<T>
    where
        Sending: Future<Output = reqwest::Result<T>>,
    {
        loop {
            let start = self.now();
            let sent = send().await;
            let is_late = matches!(&sent, Err(error) if error.is_connect() && error.is_timeout());
            if !is_late || self.now() - start >= limit / 2 {
                return sent;
            }
        }
    }
}

impl Drop for LoopClock {
    fn drop(&mut self) {
        let task = self.task.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = task {
            task.abort();
        }
    }
}

impl SharedLoopState {
    /// Records how late the task woke. Returns when it has to wake next.
    fn note(&self) -> Instant {
        let (mut state, now) = (self.lock(), Instant::now());
        let late = now.saturating_duration_since(state.next);
        state.late += late;
        state.next = now + TICK;
        state.next
    }

    /// The state is valid even after a panic.
    fn lock(&self) -> MutexGuard<'_, LoopState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for SharedLoopState {
    fn default() -> Self {
        let start = Instant::now();
        Self(Mutex::new(LoopState {
            start,
            late: Duration::ZERO,
            next: start + TICK,
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr, TcpListener};
    use std::sync::atomic::{AtomicUsize, Ordering};

    use reqwest::dns::{Addrs, Name, Resolve, Resolving};

    use super::*;

    fn run(test: impl Future<Output = ()>) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().build().unwrap().block_on(test);
    }

    #[test]
    fn the_clock_stands_still_while_the_loop_does() {
        run(async {
            let clock = LoopClock::default();
            clock.start();
            // The task's first round.
            tokio::task::yield_now().await;
            let before = clock.now();
            std::thread::sleep(20 * TICK);
            assert!(clock.now() - before <= TICK);
            tokio::task::yield_now().await;
            let after_block = clock.now();
            assert!(after_block - before <= TICK);
            // It runs on.
            while clock.now() < after_block + 2 * TICK {
                tokio::time::sleep(TICK).await;
            }
        });
    }

    #[test]
    fn what_came_while_the_loop_stood_still_is_taken() {
        run(async {
            let clock = LoopClock::default();
            clock.start();
            tokio::task::yield_now().await;
            let came = clock.until(clock.now() + TICK, async {
                std::thread::sleep(4 * TICK);
                tokio::task::yield_now().await;
                tokio::time::sleep(TICK / 2).await;
            });
            assert_eq!(came.await, Some(()));
            let never = std::future::pending::<()>();
            assert_eq!(clock.until(clock.now() + TICK, never).await, None);
        });
    }

    const LIMIT: Duration = Duration::from_millis(200);

    /// Resolves to this machine after blocking the loop for too long: the first time or, if `never`, not at
    /// all.
    #[derive(Debug)]
    struct Slow {
        asked: Arc<AtomicUsize>,
        never: bool,
    }

    impl Resolve for Slow {
        fn resolve(&self, _: Name) -> Resolving {
            let (count, never) = (self.asked.fetch_add(1, Ordering::Relaxed), self.never);
            Box::pin(async move {
                if never {
                    std::future::pending::<()>().await;
                }
                if count == 0 {
                    std::thread::sleep(2 * LIMIT);
                    tokio::time::sleep(TICK).await;
                }
                let found = std::iter::once(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
                Ok(Box::new(found) as Addrs)
            })
        }
    }

    /// Whether a request succeeded, and how often its host was resolved.
    async fn ask(never: bool) -> (bool, usize) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            use std::io::{Read, Write};
            let (mut connection, _) = listener.accept().unwrap();
            let _ = connection.read(&mut [0; 1024]);
            let _ = connection.write_all(b"HTTP/1.1 204 No Content\r\n\r\n");
        });
        let asked = Arc::new(AtomicUsize::new(0));
        let resolver = Slow {
            asked: Arc::clone(&asked),
            never,
        };
        let client = crate::client(&crate::ClientSettings::default()).unwrap();
        let client = client.connect_timeout(LIMIT).dns_resolver(resolver);
        let client = client.build().unwrap();
        let clock = LoopClock::default();
        clock.start();
        tokio::task::yield_now().await;
        let url = format!("http://example.test:{port}");
        let sent = clock.send(LIMIT, || client.get(&url).send());
        let is_answered = sent.await.is_ok();
        (is_answered, asked.load(Ordering::Relaxed))
    }

    #[test]
    fn connecting_is_tried_again_if_the_loop_stood_still() {
        run(async {
            assert_eq!(ask(false).await, (true, 2));
            // Here only the server is late.
            assert_eq!(ask(true).await, (false, 1));
        });
    }
}
