use std::collections::BTreeMap;

use super::outcome::Outcome;
use super::reason::Reason;

/// The progress of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The number of URLs with an outcome, from this run or before.
    pub done: u64,
    /// The number of URLs with an outcome from before.
    pub known: u64,
    /// The number of URLs that are pictures.
    pub pictures: u64,
    /// The number of failed URLs, by reason.
    pub failed: BTreeMap<Reason, u64>,
    /// The bytes of the pictures downloaded in this run.
    pub bytes: u64,
    /// Whether the run was stopped early.
    pub stopped: bool,
}

impl Progress {
    /// Adds another run's progress.
    pub fn join(&mut self, other: Self) {
        self.done += other.done;
        self.known += other.known;
        self.pictures += other.pictures;
        self.bytes += other.bytes;
        self.stopped |= other.stopped;
        for (reason, number) in other.failed {
            *self.failed.entry(reason).or_default() += number;
        }
    }

    pub(super) fn count(&mut self, outcome: &Outcome, is_known: bool) {
        self.done += 1;
        self.known += u64::from(is_known);
        match &outcome.result {
            Ok(picture) => {
                self.pictures += 1;
                if !is_known {
                    self.bytes += picture.bytes;
                }
            }
            Err(reason) => *self.failed.entry(*reason).or_default() += 1,
        }
    }
}
