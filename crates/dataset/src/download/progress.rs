use std::collections::BTreeMap;

use super::outcome::Outcome;
use super::reason::Reason;

/// How far a run has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// URLs of which something has come, in this run or before.
    pub done: u64,
    /// Those of which something had come before.
    pub known: u64,
    /// Those that are pictures.
    pub pictures: u64,
    /// How many are not, by reason.
    pub failed: BTreeMap<Reason, u64>,
    /// The bytes of the pictures that came in this run.
    pub bytes: u64,
    /// Whether it was stopped before the end.
    pub stopped: bool,
}

impl Progress {
    /// Takes in how far another has come.
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
