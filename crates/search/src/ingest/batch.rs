//! Pictures on their way through an `add`, some at a time: read, then embedded, then written.

use std::collections::{HashMap, VecDeque};

use clip::Pixels;

use super::report::Failure;
use crate::record::Record;

/// Pictures read and embedded at a time.
pub(crate) const BATCH: usize = 32;

/// Batches written together at most. Their pictures are a few more than the engine leaves without a file of their own,
/// so that it writes one for each full group, and merges small files early.
pub(crate) const GROUP: usize = 4096 / BATCH + 1;

/// More batches than may be between the one that is read and those that are on the disk for sure: one is being read,
/// one embedded, one waits between these, a group waits to be written, and another is being written.
const IN_FLIGHT: usize = 8 + 2 * GROUP;

/// What reading some pictures came to.
#[derive(Default)]
pub(crate) struct Batch {
    /// Those to be written.
    pub(crate) changed: Vec<Change>,
    /// Those of which only the file's time has changed.
    pub(crate) restamped: Vec<Record>,
    pub(crate) unchanged: usize,
    pub(crate) failed: Vec<Failure>,
    /// What the catalogue has of those that failed because their file can't be read any more.
    pub(crate) lost: Vec<Record>,
}

impl Batch {
    pub(crate) fn is_empty(&self) -> bool {
        self.changed.is_empty()
            && self.restamped.is_empty()
            && self.unchanged == 0
            && self.failed.is_empty()
            && self.lost.is_empty()
    }

    /// Adds what the next batch has.
    pub(crate) fn append(&mut self, mut next: Batch) {
        self.changed.append(&mut next.changed);
        self.restamped.append(&mut next.restamped);
        self.unchanged += next.unchanged;
        self.failed.append(&mut next.failed);
        self.lost.append(&mut next.lost);
    }
}

/// A picture that is to be written.
pub(crate) struct Change {
    pub(crate) record: Record,
    pub(crate) image: Image,
    /// The vectors of the captions, where they are known.
    pub(crate) captions: Option<Vec<Vec<f32>>>,
    pub(crate) kind: ChangeKind,
    /// What the catalogue has of the picture, and of another picture that gives up its id.
    pub(crate) replaced: Vec<Record>,
}

/// What a picture is to the collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChangeKind {
    Added,
    Updated,
    /// It was at another location, where nothing is any more.
    Moved,
}

/// Where a picture's vector comes from.
pub(crate) enum Image {
    /// The model is to make it.
    Pixels(Pixels),
    /// The collection has a picture of the same content.
    Vector(Vec<f32>),
    /// The picture with this id, which was read before in the same run, has the same content.
    CopyOf(String),
}

/// The pictures of the last batches that need a new vector: the ids by the hashes of their contents. Those of earlier
/// batches are found in the catalogue.
#[derive(Default)]
pub(crate) struct Fresh {
    ids: HashMap<String, String>,
    /// The hashes of each batch.
    batches: VecDeque<Vec<String>>,
}

impl Fresh {
    /// Begins another batch.
    pub(crate) fn begin_batch(&mut self) {
        self.batches.push_back(Vec::new());
        if self.batches.len() > IN_FLIGHT {
            for hash in self.batches.pop_front().into_iter().flatten() {
                self.ids.remove(&hash);
            }
        }
    }

    /// The first picture of this content.
    pub(crate) fn first_of(&self, hash: &str) -> Option<&str> {
        self.ids.get(hash).map(String::as_str)
    }

    /// Notes that a picture is the first of its content.
    pub(crate) fn insert(&mut self, hash: &str, id: &str) {
        if let Some(batch) = self.batches.back_mut() {
            batch.push(hash.to_owned());
            self.ids.insert(hash.to_owned(), id.to_owned());
        }
    }
}
