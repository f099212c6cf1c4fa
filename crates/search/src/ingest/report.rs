use std::collections::BTreeMap;

use serde::Serialize;

use super::spent::Seconds;
use crate::address::path_or_url;

/// What became of the pictures of an [`add`](crate::Collection::add).
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct IngestReport {
    /// Pictures that were not in the collection.
    pub added: usize,
    /// Pictures whose file, captions or metadata had changed.
    pub updated: usize,
    /// Pictures that were at another location before.
    pub moved: usize,
    /// Pictures that were there already, just so.
    pub unchanged: usize,
    /// Pictures whose file is gone, found to be so this time.
    pub missing: usize,
    /// Pictures whose file was gone before, and still is.
    pub still_missing: usize,
    /// Pictures of the collection whose file is there and can't be read any more, found to be so this time. They count
    /// as failed as well.
    pub unreadable: usize,
    /// Pictures that were taken out because their file is gone, or their source no longer names them.
    pub removed: usize,
    /// Pictures that their source no longer names: a table lost their row, or a folder's are excluded. They stay until
    /// they are removed.
    pub left: usize,
    /// Pictures that could not be indexed.
    pub failed: usize,
    /// How many pictures failed for each [reason](Failure::reason).
    pub reasons: BTreeMap<String, usize>,
    /// Whether it was stopped before the end.
    pub stopped: bool,
    /// Whether the engine, which keeps all that was written, may not find all of it yet.
    pub late: bool,
    /// Where the time went.
    pub seconds: Seconds,
}

/// What an [`add`](crate::Collection::add) tells while it runs.
#[derive(Clone, Copy, Debug)]
pub enum AddEvent<'a> {
    /// A batch is on the disk; this is the report so far.
    Progress(&'a IngestReport),
    /// A picture could not be indexed.
    Failed(&'a Failure),
}

impl IngestReport {
    /// How many pictures have been dealt with.
    pub fn done(&self) -> usize {
        self.written() + self.unchanged + self.failed
    }

    /// Whether the collection was changed.
    pub fn has_changes(&self) -> bool {
        self.written() + self.missing + self.unreadable + self.removed > 0
    }

    /// How many pictures have been written.
    pub fn written(&self) -> usize {
        self.added + self.updated + self.moved
    }

    /// Counts a picture that failed.
    pub fn count(&mut self, failure: &Failure) {
        self.failed += 1;
        *self.reasons.entry(failure.reason.clone()).or_default() += 1;
    }

    /// Takes in what became of further pictures.
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

/// A picture that could not be indexed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Failure {
    /// Where it is.
    #[serde(flatten, serialize_with = "path_or_url")]
    pub location: String,
    /// Why, in one of a few fixed words.
    pub reason: String,
    /// Why, in full.
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
            message: format!("id `{id}` is that of `{holder}`"),
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

/// An error and what caused it, in one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
