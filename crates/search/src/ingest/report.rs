use std::collections::BTreeMap;

use serde::Serialize;

use super::step_times::Seconds;
use crate::address::path_or_url;

/// The result of an [`add`](crate::Collection::add).
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct IngestReport {
    /// Pictures that were new to the collection.
    pub added: usize,
    /// Pictures whose file, captions or metadata had changed.
    pub updated: usize,
    /// Pictures that had moved from another location.
    pub moved: usize,
    /// Unchanged pictures.
    pub unchanged: usize,
    /// Pictures whose file was found to be gone.
    pub missing: usize,
    /// Pictures whose file was already gone before.
    pub still_missing: usize,
    /// Pictures whose existing file was found to be unreadable. They count as failed too.
    pub unreadable: usize,
    /// Pictures that were removed because their file is gone or their source no longer names them.
    pub removed: usize,
    /// Pictures that their source no longer names: a table lost their row, or a folder excludes them. They
    /// stay until removed.
    pub left: usize,
    /// Pictures that couldn't be indexed.
    pub failed: usize,
    /// The number of failed pictures for each [reason](Failure::reason).
    pub reasons: BTreeMap<String, usize>,
    /// Whether the run was stopped early.
    pub stopped: bool,
    /// Whether the engine may not find all written vectors yet.
    pub late: bool,
    /// The time spent on each step.
    pub seconds: Seconds,
}

/// An event of a running [`add`](crate::Collection::add).
#[derive(Clone, Copy, Debug)]
pub enum AddEvent<'a> {
    /// A group of batches is on the disk. This is the report so far.
    Progress(&'a IngestReport),
    /// A picture couldn't be indexed.
    Failed(&'a Failure),
}

impl IngestReport {
    /// The number of handled pictures.
    pub fn done(&self) -> usize {
        self.written() + self.unchanged + self.failed
    }

    /// Whether the collection was changed.
    pub fn has_changes(&self) -> bool {
        self.written() + self.missing + self.unreadable + self.removed > 0
    }

    /// The number of written pictures.
    pub fn written(&self) -> usize {
        self.added + self.updated + self.moved
    }

    /// Counts a failed picture.
    pub fn count(&mut self, failure: &Failure) {
        self.failed += 1;
        *self.reasons.entry(failure.reason.clone()).or_default() += 1;
    }

    /// Adds the counts of further pictures.
    pub fn join(&mut self, other: IngestReport) {
        self.added += other.added;
        self.updated += other.updated;
        self.moved += other.moved;
        self.unchanged += other.unchanged;
        self.missing += other.missing;
        self.still_missing += other.still_missing;
        self.unreadable += other.unreadable;
        self.removed += other.removed;
        self.left += other.left;
        self.failed += other.failed;
        for (reason, number) in other.reasons {
            *self.reasons.entry(reason).or_default() += number;
        }
        self.stopped |= other.stopped;
        self.late |= other.late;
        self.seconds += other.seconds;
    }
}

/// A picture that couldn't be indexed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Failure {
    /// Its location.
    #[serde(flatten, serialize_with = "path_or_url")]
    pub location: String,
    /// The reason, as one of a few fixed phrases.
    pub reason: String,
    /// The reason in full.
    pub message: String,
}

impl Failure {
    pub(crate) fn of(location: String, error: &picture::Error) -> Failure {
        Failure {
            location,
            reason: error.reason().to_owned(),
            message: with_causes(error),
        }
    }

    pub(crate) fn of_taken_id(location: String, id: &str, holder: &str) -> Failure {
        Failure {
            location,
            reason: "id is taken".to_owned(),
            message: format!("id `{id}` belongs to `{holder}`"),
        }
    }

    pub(crate) fn of_repeated(location: String) -> Failure {
        Failure {
            location,
            reason: "repeated".to_owned(),
            message: "the source names this picture more than once; the first record counts"
                .to_owned(),
        }
    }

    pub(crate) fn of_metadata(location: String, error: &index::Error) -> Failure {
        Failure {
            location,
            reason: "metadata".to_owned(),
            message: error.to_string(),
        }
    }
}

/// An error and its causes in one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
