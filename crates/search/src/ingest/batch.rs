//! Batches of pictures on their way through an `add`: read, embedded, written.

use std::collections::{HashMap, VecDeque};

use clip::Pixels;

use super::report::Failure;
use crate::record::Record;

/// Pictures read and embedded at a time.
pub(crate) const BATCH: usize = 32;

/// The maximum number of batches written together. Their pictures are slightly more than the engine leaves
/// without a file, so that it writes one file for each full group and merges small files early.
pub(crate) const GROUP: usize = 4096 / BATCH + 1;

/// More batches than can be in flight between reading and the disk: one being read, one being embedded, one
/// in between, a group waiting to be written and another being written.
const IN_FLIGHT: usize = 8 + 2 * GROUP;

/// The result of reading some pictures.
#[derive(Default)]
pub(crate) struct Batch {
    /// The changes to write.
    pub(crate) changed: Vec<Change>,
    /// Records of which only the file's times changed.
    pub(crate) restamped: Vec<Record>,
    pub(crate) unchanged: usize,
    pub(crate) failed: Vec<Failure>,
    /// The records of pictures that failed because their file is no longer readable.
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

    /// Appends the next batch.
    pub(crate) fn append(&mut self, mut next: Batch) {
        self.changed.append(&mut next.changed);
        self.restamped.append(&mut next.restamped);
        self.unchanged += next.unchanged;
        self.failed.append(&mut next.failed);
        self.lost.append(&mut next.lost);
    }
}

/// A picture to write.
pub(crate) struct Change {
    pub(crate) record: Record,
    pub(crate) image: Image,
    /// The caption vectors, if known.
    pub(crate) captions: Option<Vec<Vec<f32>>>,
    pub(crate) kind: ChangeKind,
    /// The replaced records: the picture's own, and another picture's that gives up its id.
    pub(crate) replaced: Vec<Record>,
}

/// The kind of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChangeKind {
    Added,
    Updated,
    /// Its earlier location has no file any more.
    Moved,
}

/// The source of a picture's image vector.
pub(crate) enum Image {
    /// The model embeds it.
    Pixels(Pixels),
    /// The collection has a picture with the same content.
    Vector(Vec<f32>),
    /// The picture with this id, read earlier in the same run, has the same content.
    CopyOf(String),
}

/// The pictures of recent batches that need a new vector: their ids by the hashes of their contents. Those of
/// earlier batches are found in the catalogue.
#[derive(Default)]
pub(crate) struct Fresh {
    ids: HashMap<String, String>,
    /// The hashes of each batch.
    batches: VecDeque<Vec<String>>,
}

impl Fresh {
    /// Starts the next batch.
    pub(crate) fn begin_batch(&mut self) {
        self.batches.push_back(Vec::new());
        if self.batches.len() > IN_FLIGHT {
            for hash in self.batches.pop_front().into_iter().flatten() {
                self.ids.remove(&hash);
            }
        }
    }

    /// The first picture with this content.
    pub(crate) fn first_of(&self, hash: &str) -> Option<&str> {
        self.ids.get(hash).map(String::as_str)
    }

    /// Notes the first picture with this content.
    pub(crate) fn insert(&mut self, hash: &str, id: &str) {
        if let Some(batch) = self.batches.back_mut() {
            batch.push(hash.to_owned());
            self.ids.insert(hash.to_owned(), id.to_owned());
        }
    }
}
