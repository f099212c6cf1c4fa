use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

/// How often the clock looks whether its loop still turns.
const TICK: Duration = Duration::from_millis(50);

/// The time during which one event loop of tokio turns.
///
/// Where the process gets no processor, what a server has sent is read late, and a deadline by the wall clock blames the
/// server. A task that wakes every 50 ms tells how late the loop is; this clock stands still meanwhile.
#[derive(Debug, Default)]
pub struct LoopClock {
    turns: Arc<Turns>,
    task: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Turns(Mutex<Turn>);

/// What is known of the loop.
#[derive(Debug)]
struct Turn {
    start: Instant,
    /// All that it was late by.
    late: Duration,
    /// When the task wakes next.
    next: Instant,
}

impl LoopClock {
    /// Starts the clock in the current event loop. In another one, it goes on only when this one has ended.
    pub fn start(&self) {
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if task.as_ref().is_none_or(JoinHandle::is_finished) {
            let turns = Arc::clone(&self.turns);
            *task = Some(tokio::spawn(async move {
                loop {
                    sleep_until(turns.turn()).await;
                }
            }));
        }
    }

    /// The time since the clock was made.
    pub fn now(&self) -> Duration {
        let (turn, now) = (self.turns.lock(), Instant::now());
        now - turn.start - turn.late - now.saturating_duration_since(turn.next)
    }

    /// Waits for `coming` until this clock shows `end`; `None` if it hasn't come by then.
    pub async fn until<T>(&self, end: Duration, coming: impl Future<Output = T>) -> Option<T> {
        let mut coming = pin!(coming);
        while self.now() < end {
            let left = end.saturating_sub(self.now());
            if let Ok(came) = timeout(left, &mut coming).await {
                return Some(came);
            }
        }
        // What came while the loop stood still is read in one more turn of it.
        timeout(TICK, coming).await.ok()
    }

    /// Sends a request of a client whose `connect_timeout` is `limit`, and again where the client gave up connecting
    /// although the loop stood still for half of that time: reqwest goes by the wall clock.
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

impl Turns {
    /// Notes how late the task has woken, and says when it has to wake again.
    fn turn(&self) -> Instant {
        let (mut turn, now) = (self.lock(), Instant::now());
        let late = now.saturating_duration_since(turn.next);
        turn.late += late;
        turn.next = now + TICK;
        turn.next
    }

    /// A turn is whole whatever panicked.
    fn lock(&self) -> MutexGuard<'_, Turn> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Turns {
    fn default() -> Self {
        let start = Instant::now();
        Self(Mutex::new(Turn {
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
            // The task's first turn.
            tokio::task::yield_now().await;
            let before = clock.now();
            std::thread::sleep(20 * TICK);
            assert!(clock.now() - before <= TICK);
            tokio::task::yield_now().await;
            let turned = clock.now();
            assert!(turned - before <= TICK);
            // It goes on.
            while clock.now() < turned + 2 * TICK {
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

    /// Finds this machine, after the loop has stood still for too long the first time or, if `never`, not at all.
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

    /// Whether a request was answered, and how often its host was asked for.
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
            // Here the server alone is late.
            assert_eq!(ask(true).await, (false, 1));
        });
    }
}
