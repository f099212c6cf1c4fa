//! A namespace at one revision, in the form that queries scan.
//!
//! A view is a list of *parts*, oldest first. Each is a segment and the ordinals in it that have been removed
//! since. The first parts are the namespace's files, as far as they're usable. Later vectors are in memory,
//! in segments that are merged as they grow, so that there are few. To follow a newer revision, a view
//! removes the slots listed in `removals` and reads the slots above its last one.

use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;

use super::bitset::Bitset;
use super::segment::{Segment, SegmentBuilder, Subject};
use super::segment_name::SegmentName;
use super::tables::{self, IndexRow, NamespaceRow};
use crate::{Error, Result};

/// Files are merged with later ones when those have this many times as many vectors. So there are few files,
/// and a vector is rewritten about as often as the logarithm of their number to this base plus one.
const MERGED_WHEN: usize = 4;

/// Files aren't merged beyond this size in bytes, as a merged file is built in memory, which shouldn't grow
/// with the namespace. So a large namespace has at least one file per fifth of this size.
const MERGED_LIMIT: usize = 256 << 20;

/// A segment and the set of its removed vectors.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) segment: Arc<Segment>,
    pub(super) dead: Arc<Bitset>,
    dead_count: usize,
    /// The name of the file, if the segment is in one.
    name: Option<SegmentName>,
}

impl Part {
    pub(super) fn new(segment: Segment, name: Option<SegmentName>) -> Self {
        let dead = Arc::new(Bitset::empty(segment.len()));
        Self {
            segment: Arc::new(segment),
            dead,
            dead_count: 0,
            name,
        }
    }

    pub(super) fn has_dead(&self) -> bool {
        self.dead_count > 0
    }

    fn live_count(&self) -> usize {
        self.segment.len() - self.dead_count
    }

    /// Marks the vector in `slot` as removed. Returns whether it was live here.
    fn remove(&mut self, slot: i64) -> bool {
        let Ok(ordinal) = self.segment.slots().binary_search(&slot) else {
            return false;
        };
        self.dead_count += usize::from(Arc::make_mut(&mut self.dead).insert(ordinal));
        true
    }
}

/// A namespace at one revision.
#[derive(Debug, Clone)]
pub(super) struct View {
    pub(super) subject: Subject,
    last_slot: i64,
    pub(super) parts: Vec<Part>,
    /// The namespace's row at the last update.
    row: NamespaceRow,
    /// Whether files are missing or damaged.
    lacks_files: bool,
}

impl View {
    /// The view of the namespace in `connection`'s transaction, made from `older` or from the namespace's
    /// files.
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
        let mut view = match older {
            Some(older) => Self::clone(older),
            None => Self::from_files(directory, index, row),
        };
        view.follow(connection, row)?;
        // Holds unless a file has other data than its name says.
        if view.live_count() as i64 == row.vector_count {
            return Ok(Arc::new(view));
        }
        let mut view = Self::empty(index, row, row.revision);
        view.lacks_files = !row.segments.is_empty();
        view.follow(connection, row)?;
        Ok(Arc::new(view))
    }

    fn can_follow(&self, row: &NamespaceRow) -> bool {
        self.subject.namespace == row.id
            && (row.removals_since..=row.revision).contains(&self.subject.revision)
    }

    /// An empty view.
    fn empty(index: &IndexRow, row: &NamespaceRow, revision: i64) -> Self {
        Self {
            subject: subject(index, row, revision),
            last_slot: 0,
            parts: Vec::new(),
            row: row.clone(),
            lacks_files: false,
        }
    }

    /// The view of the namespace's files, up to the first unusable one.
    fn from_files(directory: &Path, index: &IndexRow, row: &NamespaceRow) -> Self {
        let mut view = Self::empty(index, row, row.removals_since);
        for name in &row.segments {
            let subject = subject(index, row, name.revision);
            let file = Segment::open(&directory.join(name.to_string()), &subject);
            let follows = |segment: &Segment| {
                let first = segment.slots().first();
                first.is_none_or(|&first| first > view.last_slot)
            };
            let Some(segment) = file.ok().filter(follows) else {
                view.lacks_files = true;
                break;
            };
            view.last_slot = name.last_slot;
            view.parts.push(Part::new(segment, Some(name.clone())));
        }
        if view.parts.is_empty() {
            // Earlier removals don't concern it.
            view.subject.revision = row.revision;
        }
        view
    }

    /// The view of only the namespace's files, without later removals and without reading vectors from the
    /// database.
    pub(super) fn of_files(
        connection: &Connection,
        directory: &Path,
        index: &IndexRow,
        row: &NamespaceRow,
    ) -> Result<Self> {
        let mut view = Self::from_files(directory, index, row);
        view.bury_removals(connection)?;
        Ok(view)
    }

    fn bury_removals(&mut self, connection: &Connection) -> Result<()> {
        let Subject {
            namespace,
            revision,
            ..
        } = self.subject;
        for slot in tables::removals(connection, namespace, revision)? {
            // A missing one was added and removed since.
            let _ = self.parts.iter_mut().any(|part| part.remove(slot));
        }
        Ok(())
    }

    /// The position of the vector in `slot`, if it's live.
    pub(super) fn find(&self, slot: i64) -> Option<(&Segment, usize)> {
        self.parts.iter().find_map(|part| {
            let ordinal = part.segment.slots().binary_search(&slot).ok()?;
            (!part.dead.contains(ordinal)).then_some((&*part.segment, ordinal))
        })
    }

    /// Applies all changes since this view's revision.
    fn follow(&mut self, connection: &Connection, row: &NamespaceRow) -> Result<()> {
        self.bury_removals(connection)?;
        self.subject.revision = row.revision;
        self.row = row.clone();
        let mut builder = SegmentBuilder::new(self.subject);
        tables::for_each_vector_after(connection, row.id, self.last_slot, |vector| {
            if vector.values.len() != self.subject.dimension {
                let (slot, what) = (vector.slot, "its dimension differs from its index's");
                return Err(Error::DamagedVector { slot, what });
            }
            builder.push(vector.slot, &vector.values, &vector.metadata()?);
            self.last_slot = vector.slot;
            Ok(())
        })?;
        if builder.len() > 0 {
            self.parts.push(Part::new(builder.build(), None));
        }
        self.merge_tail();
        Ok(())
    }

    /// Merges the newest parts until each is more than twice as long as the next.
    fn merge_tail(&mut self) {
        let in_memory = self.file_count();
        while let [.., older, newer] = &self.parts[in_memory..]
            && older.segment.len() <= 2 * newer.segment.len()
        {
            let merged = Part::new(merge(self.subject, &[older, newer]).build(), None);
            self.parts.truncate(self.parts.len() - 2);
            self.parts.push(merged);
        }
    }

    pub(super) fn live_count(&self) -> usize {
        self.parts.iter().map(Part::live_count).sum()
    }

    fn file_count(&self) -> usize {
        let is_file = |part: &&Part| part.name.is_some();
        self.parts.iter().take_while(is_file).count()
    }

    /// The number of vectors that came from the database.
    pub(super) fn tail_length(&self) -> usize {
        let tail = &self.parts[self.file_count()..];
        tail.iter().map(|part| part.segment.len()).sum()
    }

    pub(super) fn row(&self) -> &NamespaceRow {
        &self.row
    }

    pub(super) fn lacks_files(&self) -> bool {
        self.lacks_files
    }

    /// The number of first parts whose files don't need rewriting.
    pub(super) fn kept(&self, merges: bool) -> usize {
        let named = self.parts.iter().zip(&self.row.segments);
        let named = named
            .take_while(|(part, name)| part.name.as_ref() == Some(*name))
            .count();
        let size = |part: &Part| Size {
            vectors: part.live_count(),
            bytes: part.segment.bytes(),
        };
        let sizes: Vec<Size> = self.parts.iter().map(size).collect();
        if merges {
            first_merged(&sizes, named)
        } else {
            named
        }
    }

    /// The names of the first `kept` parts' files.
    pub(super) fn names(&self, kept: usize) -> Vec<SegmentName> {
        let names = self.parts[..kept].iter();
        names.filter_map(|part| part.name.clone()).collect()
    }

    pub(super) fn last_slot(&self) -> i64 {
        self.last_slot
    }

    /// All live vectors of the parts from `kept` on, as one segment to write.
    pub(super) fn merged(&self, kept: usize) -> SegmentBuilder {
        merge(self.subject, &self.parts[kept..].iter().collect::<Vec<_>>())
    }

    /// This view with the parts from `kept` on replaced by one file. `row` names it.
    pub(super) fn with_file(&self, kept: usize, file: Part, row: NamespaceRow) -> Self {
        let parts = self.parts[..kept].iter().cloned().chain([file]).collect();
        Self {
            parts,
            row,
            lacks_files: false,
            ..*self
        }
    }

    /// The number of vectors in each file, and of those only in memory.
    #[cfg(test)]
    pub(super) fn lengths(&self) -> (Vec<usize>, usize) {
        let files = self.parts[..self.file_count()].iter();
        let files = files.map(|part| part.segment.len()).collect();
        (files, self.tail_length())
    }
}

pub(super) fn subject(index: &IndexRow, row: &NamespaceRow, revision: i64) -> Subject {
    Subject {
        namespace: row.id,
        metric: index.metric,
        dimension: index.dimension,
        revision,
    }
}

/// The sizes that decide whether parts are merged.
#[derive(Clone, Copy)]
struct Size {
    vectors: usize,
    bytes: usize,
}

/// The first of the files that is small compared with what comes after it, and may be merged with it. The
/// first `files` parts are in files; returns `files` if none is.
fn first_merged(parts: &[Size], files: usize) -> usize {
    let is_merged = |&file: &usize| {
        let after: usize = parts[file + 1..].iter().map(|part| part.vectors).sum();
        let bytes: usize = parts[file..].iter().map(|part| part.bytes).sum();
        MERGED_WHEN * parts[file].vectors <= after && bytes <= MERGED_LIMIT
    };
    (0..files).find(is_merged).unwrap_or(files)
}

fn merge(subject: Subject, parts: &[&Part]) -> SegmentBuilder {
    let mut builder = SegmentBuilder::new(subject);
    for part in parts {
        builder.append(&part.segment, &part.dead);
    }
    builder
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parts of so many thousand vectors of one KiB, all but the last in files.
    #[track_caller]
    fn case(thousands: &[usize], expected: usize) {
        let size = |&thousands: &usize| Size {
            vectors: 1000 * thousands,
            bytes: 1_024_000 * thousands,
        };
        let parts: Vec<Size> = thousands.iter().map(size).collect();
        assert_eq!(
            first_merged(&parts, parts.len() - 1),
            expected,
            "{thousands:?}"
        );
    }

    #[test]
    fn small_files_are_merged_while_that_fits_into_memory() {
        case(&[4], 0);
        case(&[4, 4], 1);
        case(&[4, 4, 4, 4, 4], 0);
        case(&[20, 4, 4, 4, 4, 4], 1);
        case(&[50, 100, 100], 0);
        case(&[60, 100, 140], 2);
        case(&[60, 60, 60, 60, 60, 4, 4, 4, 4, 4], 5);
        case(&[60, 60, 60, 60, 60, 20, 80], 5);
    }
}
