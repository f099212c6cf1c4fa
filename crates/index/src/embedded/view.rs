//! A namespace in the form that queries scan, as of one revision.
//!
//! A view is a list of *parts*, older before newer, each a segment and the ordinals in it that have
//! died since. The first may be the namespace's file; what came after it is in memory, and is
//! merged as it grows, so that there are few parts. To follow a newer revision, a view buries the
//! slots that `removals` lists and reads the slots above its last one.

use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;

use super::bitset::Bitset;
use super::segment::{Segment, SegmentBuilder, Subject};
use super::tables::{self, IndexRow, NamespaceRow};
use crate::{Error, Result};

/// A tail of so many vectors is read from the database faster than anyone notices.
const TAIL_FLOOR: usize = 4096;

/// A segment and which of its vectors are no more.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) segment: Arc<Segment>,
    pub(super) dead: Arc<Bitset>,
    dead_count: usize,
}

impl Part {
    fn new(segment: Segment) -> Self {
        let dead = Arc::new(Bitset::empty(segment.len()));
        Self {
            segment: Arc::new(segment),
            dead,
            dead_count: 0,
        }
    }

    pub(super) fn has_dead(&self) -> bool {
        self.dead_count > 0
    }

    fn live_count(&self) -> usize {
        self.segment.len() - self.dead_count
    }

    /// Buries the vector in `slot`, if it is here.
    fn bury(&mut self, slot: i64) -> bool {
        let Ok(ordinal) = self.segment.slots().binary_search(&slot) else {
            return false;
        };
        self.dead_count += usize::from(Arc::make_mut(&mut self.dead).insert(ordinal));
        true
    }
}

/// A namespace as of one revision.
#[derive(Debug, Clone)]
pub(super) struct View {
    pub(super) subject: Subject,
    last_slot: i64,
    pub(super) parts: Vec<Part>,
    has_file: bool,
}

impl View {
    /// A view of the namespace as it is in `connection`'s transaction, made from `older` or from
    /// the namespace's file where they help.
    pub(super) fn at(
        connection: &Connection,
        directory: &Path,
        index: &IndexRow,
        row: &NamespaceRow,
        older: Option<&Arc<Self>>,
    ) -> Result<Arc<Self>> {
        let older = older.filter(|older| older.can_follow(row));
        if let Some(current) = older.filter(|older| older.subject.revision == row.revision) {
            return Ok(Arc::clone(current));
        }
        let start = match older {
            Some(older) => Some(Self::clone(older)),
            None => Self::from_file(directory, index, row),
        };
        if let Some(mut view) = start {
            view.follow(connection, row)?;
            // Holds unless a file is on other data than its name says.
            if view.live_count() as i64 == row.vector_count {
                return Ok(Arc::new(view));
            }
        }
        let mut view = Self::empty(index, row);
        view.follow(connection, row)?;
        Ok(Arc::new(view))
    }

    fn can_follow(&self, row: &NamespaceRow) -> bool {
        self.subject.namespace == row.id
            && (row.removals_since..=row.revision).contains(&self.subject.revision)
    }

    /// Nothing yet: removals before `row` do not concern it.
    fn empty(index: &IndexRow, row: &NamespaceRow) -> Self {
        let subject = subject(index, row, row.revision);
        Self {
            subject,
            last_slot: 0,
            parts: Vec::new(),
            has_file: false,
        }
    }

    /// What is in the namespace's file, if that can be used.
    fn from_file(directory: &Path, index: &IndexRow, row: &NamespaceRow) -> Option<Self> {
        let subject = subject(index, row, row.removals_since);
        let segment = Segment::open(&directory.join(row.segment.as_ref()?), &subject).ok()?;
        Some(Self::of_file(subject, segment))
    }

    /// A view of nothing but a file.
    pub(super) fn of_file(subject: Subject, segment: Segment) -> Self {
        let last_slot = segment.slots().last().copied().unwrap_or(0);
        Self {
            subject,
            last_slot,
            parts: vec![Part::new(segment)],
            has_file: true,
        }
    }

    /// Takes in all that has happened since this view's revision.
    fn follow(&mut self, connection: &Connection, row: &NamespaceRow) -> Result<()> {
        for slot in tables::removals(connection, row.id, self.subject.revision)? {
            // One that is not here came and went since.
            let _ = self.parts.iter_mut().any(|part| part.bury(slot));
        }
        self.subject.revision = row.revision;
        let mut builder = SegmentBuilder::new(self.subject);
        tables::for_each_vector_after(connection, row.id, self.last_slot, |vector| {
            if vector.values.len() != self.subject.dimension {
                let (slot, what) = (vector.slot, "it has another dimension than its index");
                return Err(Error::DamagedVector { slot, what });
            }
            builder.push(vector.slot, &vector.values, &vector.metadata()?);
            self.last_slot = vector.slot;
            Ok(())
        })?;
        if builder.len() > 0 {
            self.parts.push(Part::new(builder.build()));
        }
        self.merge_tail();
        Ok(())
    }

    /// Merges the newest parts until each is more than twice as long as the next.
    fn merge_tail(&mut self) {
        let in_memory = usize::from(self.has_file);
        while let [.., older, newer] = &self.parts[in_memory.min(self.parts.len())..]
            && older.segment.len() <= 2 * newer.segment.len()
        {
            let merged = Part::new(merge(self.subject, &[older, newer]).build());
            self.parts.truncate(self.parts.len() - 2);
            self.parts.push(merged);
        }
    }

    fn live_count(&self) -> usize {
        self.parts.iter().map(Part::live_count).sum()
    }

    /// Whether there is anything that a new file would hold and the present one does not.
    pub(super) fn is_ahead_of_file(&self) -> bool {
        !self.has_file || self.parts.len() > 1 || self.parts.iter().any(Part::has_dead)
    }

    /// Whether following the file has become so much work that a new one pays.
    pub(super) fn wants_file(&self) -> bool {
        let (file, tail) = self.parts.split_at(usize::from(self.has_file));
        let file_length: usize = file.iter().map(|part| part.segment.len()).sum();
        let behind = file.iter().map(|part| part.dead_count).sum::<usize>()
            + tail.iter().map(|part| part.segment.len()).sum::<usize>();
        behind > TAIL_FLOOR.max(file_length / 8)
    }

    /// How many vectors are in the file and how many in memory only.
    #[cfg(test)]
    pub(super) fn lengths(&self) -> (usize, usize) {
        let (file, tail) = self.parts.split_at(usize::from(self.has_file));
        let length = |parts: &[Part]| parts.iter().map(|part| part.segment.len()).sum();
        (length(file), length(tail))
    }

    /// All that lives, as one segment to be written.
    pub(super) fn merged(&self) -> SegmentBuilder {
        merge(self.subject, &self.parts.iter().collect::<Vec<_>>())
    }
}

fn subject(index: &IndexRow, row: &NamespaceRow, revision: i64) -> Subject {
    Subject {
        namespace: row.id,
        metric: index.metric,
        dimension: index.dimension,
        revision,
    }
}

fn merge(subject: Subject, parts: &[&Part]) -> SegmentBuilder {
    let mut builder = SegmentBuilder::new(subject);
    for part in parts {
        builder.append(&part.segment, &part.dead);
    }
    builder
}
