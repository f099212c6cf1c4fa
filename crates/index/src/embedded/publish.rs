//! Writing a namespace's files.
//!
//! A file that is there stays as it is: what came after it is written to a new one, with those
//! before it only where they are small beside it, so that a namespace has few files and a write
//! costs about what it writes. Where much has been removed all is written anew, and removals can
//! be forgotten. Who writes vectors pays for files; a query does only where it could not use those
//! that there should be, so that the next can.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rusqlite::Connection;

use super::database::Database;
use super::segment::{Segment, SegmentBuilder};
use super::segment_name::{COMPLETE, SegmentName};
use super::tables::{self, NamespaceRow};
use super::view::{Part, View};
use crate::{Error, Result};

/// What files end with that are being written.
const PARTIAL: &str = "partial";
/// No file takes longer than this from its first byte to being recorded.
const ABANDONED_AFTER: Duration = Duration::from_secs(3600);
/// So many vectors are read from the database faster than anyone notices.
pub(super) const TAIL_LIMIT: usize = 4096;
/// So many removals may be on record, however few vectors there are, before all is written anew.
const REMOVALS_FLOOR: i64 = 4096;

/// Whether to follow the files has become so much work that a new one pays.
pub(super) fn is_far_behind(connection: &Connection, row: &NamespaceRow) -> Result<bool> {
    let last_slot = row.segments.last().map_or(0, |name| name.last_slot);
    Ok(
        has_many_removals(row)
            || tables::has_more_after(connection, row.id, last_slot, TAIL_LIMIT)?,
    )
}

/// Whether so much of the files is dead that all should be written anew.
pub(super) fn has_many_removals(row: &NamespaceRow) -> bool {
    !row.segments.is_empty() && row.removal_count > REMOVALS_FLOOR.max(row.vector_count / 8)
}

/// Writes what `view` has in memory only to a new file, records it in the database and gives a
/// view of it; `merges` small files into it.
///
/// `None` if there is nothing to write or someone else got ahead. The file gets a name of its own
/// and is complete and on the disk before the database names it, so that whatever a reader finds
/// named is whole.
pub(super) fn publish(
    database: &Database,
    segments: &Path,
    view: &View,
    merges: bool,
) -> Result<Option<View>> {
    let kept = match merges && has_many_removals(view.row()) {
        true => 0,
        false => view.kept(merges),
    };
    let segment = view.merged(kept);
    if segment.len() == 0 {
        return Ok(None);
    }
    let name = SegmentName {
        namespace: view.subject.namespace,
        revision: view.subject.revision,
        last_slot: view.last_slot(),
        token: database.read(|transaction| tables::random(transaction))?,
    };
    let path = segments.join(name.to_string());
    // It is opened before others can know of it, and replace it.
    let segment = write(&path, &segment)
        .and_then(|()| Segment::open(&path, &view.subject))
        .map_err(|source| {
            discard(&path);
            Error::of_file(path.clone(), source)
        })?;
    let recorded = record(database, segments, &view.names(kept), &name);
    if !matches!(recorded, Ok(Some(_))) {
        discard(&path);
    }
    let file = Part::new(segment, Some(name));
    Ok(recorded?.map(|row| view.with_file(kept, file, row)))
}

/// Names the file in the database after those that are `kept`. If none is, the removals that it
/// has no need of are forgotten. `None` if the namespace is gone, others have put files in the
/// place of those that are kept, or readers need not look at revisions as old as the file's.
fn record(
    database: &Database,
    segments: &Path,
    kept: &[SegmentName],
    name: &SegmentName,
) -> Result<Option<NamespaceRow>> {
    let mut replaced = Vec::new();
    let recorded = database.write(|transaction| {
        let row = tables::namespace_by_id(transaction, name.namespace)?;
        let fits = |row: &NamespaceRow| {
            row.removals_since <= name.revision && row.segments.starts_with(kept)
        };
        let Some(mut row) = row.filter(fits) else {
            return Ok(None);
        };
        if kept.is_empty() {
            let known = tables::delete_removals(transaction, row.id, name.revision)?;
            row.removal_count -= known as i64;
            row.removals_since = name.revision;
        }
        replaced = row.segments.split_off(kept.len());
        row.segments.push(name.clone());
        tables::update_namespace(transaction, &row)?;
        Ok(Some(row))
    })?;
    for replaced in replaced {
        discard(&segments.join(replaced.to_string()));
    }
    Ok(recorded)
}

fn write(path: &Path, segment: &SegmentBuilder) -> io::Result<()> {
    let partial = path.with_extension(PARTIAL);
    let written = File::create_new(&partial).and_then(|mut file| {
        segment.write(&mut file)?;
        file.sync_all()?;
        fs::rename(&partial, path)
    });
    if written.is_err() {
        discard(&partial);
    }
    written
}

/// Deletes the files that `names` doesn't have: those of dropped namespaces, and what a crash left.
///
/// Young ones may be about to be recorded by another process.
pub(super) fn sweep(directory: &Path, names: &[String]) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        let ours = path
            .extension()
            .is_some_and(|end| end == COMPLETE || end == PARTIAL);
        let named = names.iter().any(|name| **name == *entry.file_name());
        if ours && !named && is_abandoned(&path).unwrap_or(false) {
            discard(&path);
        }
    }
}

fn is_abandoned(path: &Path) -> io::Result<bool> {
    let age = SystemTime::now().duration_since(fs::metadata(path)?.modified()?);
    Ok(age.is_ok_and(|age| age > ABANDONED_AFTER))
}

/// Deletes a derived file. If that fails it costs room, no more: `sweep` tries again.
pub(super) fn discard(path: &Path) {
    let _ = fs::remove_file(path);
}
