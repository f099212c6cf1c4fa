use std::ops::AddAssign;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;

/// The steps of an [`add`](crate::Collection::add) whose time is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    Reading,
    Decoding,
    Encoding,
    Writing,
}

/// The time that all threads have spent so far on each step, in nanoseconds.
#[derive(Debug, Default)]
pub(crate) struct StepTimes([AtomicU64; 4]);

impl StepTimes {
    /// Runs `work` and adds its time to a step.
    pub(crate) fn on<T>(&self, step: Step, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        let nanoseconds = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.0[step as usize].fetch_add(nanoseconds, Ordering::Relaxed);
        result
    }

    pub(crate) fn seconds(&self) -> Seconds {
        let of = |step: Step| {
            Duration::from_nanos(self.0[step as usize].load(Ordering::Relaxed)).as_secs_f64()
        };
        Seconds {
            reading: of(Step::Reading),
            decoding: of(Step::Decoding),
            encoding: of(Step::Encoding),
            writing: of(Step::Writing),
        }
    }
}

/// Seconds spent on each step, summed over the threads that work on it. Steps overlap, so their sum exceeds
/// the elapsed time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Seconds {
    /// Reading files and hashing them.
    pub reading: f64,
    /// Decoding and preprocessing pictures.
    pub decoding: f64,
    /// Computing vectors.
    pub encoding: f64,
    /// Writing to the disk.
    pub writing: f64,
}

impl AddAssign for Seconds {
    fn add_assign(&mut self, other: Seconds) {
        self.reading += other.reading;
        self.decoding += other.decoding;
        self.encoding += other.encoding;
        self.writing += other.writing;
    }
}
