//! Writing a namespace's file.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::Engine;
use super::segment::{Segment, SegmentBuilder, Subject};
use super::tables;
use super::view::View;
use crate::{Error, Result};

/// What files end with that are whole, and those that are being written.
const COMPLETE: &str = "segment";
const PARTIAL: &str = "partial";
/// No file takes longer than this from its first byte to being recorded.
const ABANDONED_AFTER: Duration = Duration::from_secs(3600);

/// Writes `view` to a new file, records it in the database and gives a view of it.
///
/// `None` if someone else got ahead. The file gets a name of its own and is complete and on the
/// disk before the database names it, so that whatever a reader finds named is whole.
pub(super) fn publish(engine: &Engine, view: &View) -> Result<Option<View>> {
    let subject = view.subject;
    let token = engine.read(|transaction| tables::random(transaction))?;
    let name = format!(
        "{}-{}-{token:016x}.{COMPLETE}",
        subject.namespace, subject.revision
    );
    let path = engine.segments.join(&name);
    // It is opened before others can know of it, and replace it.
    let segment = write(&path, &view.merged())
        .and_then(|()| Segment::open(&path, &subject))
        .map_err(|source| {
            discard(&path);
            let path = path.clone();
            Error::Io { path, source }
        })?;
    match record(engine, &subject, &name) {
        Ok(true) => {}
        not_recorded => {
            discard(&path);
            return not_recorded.map(|_| None);
        }
    }
    Ok(Some(View::of_file(subject, segment)))
}

/// Names the file in the database, and forgets the removals that it has no need of. `false` if the
/// namespace is gone, or readers need not look at revisions as old as the file's any more.
fn record(engine: &Engine, subject: &Subject, name: &str) -> Result<bool> {
    let mut replaced = None;
    let recorded = engine.write(|transaction| {
        let row = tables::namespace_by_id(transaction, subject.namespace)?;
        let Some(mut row) = row.filter(|row| row.removals_since <= subject.revision) else {
            return Ok(false);
        };
        let known = tables::delete_removals(transaction, row.id, subject.revision)?;
        row.removal_count -= known as i64;
        row.removals_since = subject.revision;
        replaced = row.segment.replace(name.to_owned());
        tables::update_namespace(transaction, &row)?;
        Ok(true)
    })?;
    if let Some(replaced) = replaced {
        discard(&engine.segments.join(replaced));
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
