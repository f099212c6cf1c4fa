//! Writes a namespace's derived files.
//!
//! Existing files stay. Later vectors go to a new file, merged with earlier files only if these are small in
//! comparison. So a namespace has few files, and a write costs about what it writes. After many removals, all
//! is rewritten, and the removals are forgotten. Writes pay for files. A query writes one only if files were
//! missing or damaged, to help the next query.

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

/// The extension of files being written.
const PARTIAL: &str = "partial";
/// No file takes longer than this from its first byte to being recorded.
const ABANDONED_AFTER: Duration = Duration::from_secs(3600);
/// The database yields this many vectors faster than anyone notices.
pub(super) const TAIL_LIMIT: usize = 4096;
/// The number of removals that may be recorded in any namespace, even in a small one.
pub(super) const REMOVALS_FLOOR: i64 = 4096;

/// Whether reading on from the files takes so long that a new file pays off.
pub(super) fn is_far_behind(connection: &Connection, row: &NamespaceRow) -> Result<bool> {
    let last_slot = row.segments.last().map_or(0, |name| name.last_slot);
    Ok(
        has_many_removals(row)
            || tables::has_more_after(connection, row.id, last_slot, TAIL_LIMIT)?,
    )
}

/// Whether so much of the files is dead that all should be rewritten.
pub(super) fn has_many_removals(row: &NamespaceRow) -> bool {
    !row.segments.is_empty() && row.removal_count > REMOVALS_FLOOR.max(row.vector_count / 8)
}

/// Writes the in-memory part of `view` to a new file and records it in the database. With `merges`, includes
/// small files. Returns a view with the file.
///
/// `None` if there is nothing to write or another process was first. The file has a unique name, and is
/// complete and on the disk before the database names it. So every file named in the database is whole.
pub(super) fn publish(
    database: &Database,
    segments: &Path,
    view: &View,
    merges: bool,
) -> Result<Option<View>> {
    let kept = if merges && has_many_removals(view.row()) {
        0
    } else {
        view.kept(merges)
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
    // Opened before others know of it and can replace it.
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

/// Records the file in the database after the `kept` ones. If none is kept, forgets the removals that it
/// already reflects. `None` if the namespace was deleted, if the `kept` files were replaced, or if the file's
/// revision is too old for readers.
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

/// Deletes the files that `names` lacks: those of deleted namespaces, and leftovers of a crash.
///
/// Keeps young files, which another process may be about to record.
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

/// Deletes a derived file. A failure only wastes space: `sweep` tries again.
pub(super) fn discard(path: &Path) {
    let _ = fs::remove_file(path);
}
