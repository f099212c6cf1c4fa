use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

/// How often the clock looks whether its loop still turns.
pub(super) const TICK: Duration = Duration::from_millis(50);

/// The time during which the event loop turns.
///
/// Where the process gets no processor, what a server has sent is read late, and a deadline by the wall clock blames the
/// server. A task that wakes every [`TICK`] tells how late the loop is; this clock stands still meanwhile.
#[derive(Debug, Default)]
pub(super) struct LoopClock {
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
    /// Has the task run in the event loop of now.
    pub(super) fn start(&self) {
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
    pub(super) fn now(&self) -> Duration {
        let (turn, now) = (self.turns.lock(), Instant::now());
        now - turn.start - turn.late - now.saturating_duration_since(turn.next)
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
    use super::*;

    #[test]
    fn the_clock_stands_still_while_the_loop_does() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(async {
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
}
