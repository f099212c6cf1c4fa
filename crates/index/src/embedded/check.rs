//! Checks and repairs stored data.

use rusqlite::Connection;
use serde::Serialize;

use super::segment::Segment;
use super::shared::Shared;
use super::tables::{self, IndexRow, NamespaceRow};
use super::view::View;
use crate::Result;

/// The result of a namespace's check: see [`EmbeddedIndex::check`](super::EmbeddedIndex::check).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The number of vectors.
    pub vector_count: u64,
    /// The damaged vectors, in the order of writing.
    pub damaged: Vec<Damage>,
    /// The recorded number of vectors, if it's wrong.
    pub recorded_count: Option<i64>,
    /// The derived files that are missing, damaged or of other data.
    pub bad_files: Vec<String>,
    /// The ids of vectors that the derived files lack or store incorrectly.
    pub not_derived: Vec<String>,
    /// The number of deleted vectors that the derived files still have.
    pub left_over: usize,
}

/// A damaged vector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Damage {
    /// Its id, as far as it's readable.
    pub id: String,
    /// What is wrong with it.
    pub what: &'static str,
    #[serde(skip)]
    slot: i64,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        let expected = Self {
            vector_count: self.vector_count,
            ..Self::default()
        };
        *self == expected
    }

    /// Whether the recorded count and the derived files match the vectors.
    pub fn is_derived(&self) -> bool {
        self.recorded_count.is_none()
            && self.bad_files.is_empty()
            && self.not_derived.is_empty()
            && self.left_over == 0
    }
}

/// Checks a namespace, including the derived codes of one vector in `one_in`.
pub(super) fn check(
    connection: &Connection,
    engine: &Shared,
    index: &IndexRow,
    row: &NamespaceRow,
    one_in: usize,
) -> Result<Report> {
    let view = View::of_files(connection, &engine.segments, index, row)?;
    let last_slot = row.segments.last().map_or(0, |name| name.last_slot);
    let mut report = Report {
        bad_files: bad_files(engine, index, row),
        ..Report::default()
    };
    let mut derived = 0;
    tables::for_each_checked(connection, index, row.id, |slot, id, values| {
        report.vector_count += 1;
        let found = view.find(slot);
        derived += usize::from(found.is_some());
        let is_due = (report.vector_count - 1).is_multiple_of(one_in.max(1) as u64);
        match (values, found) {
            (Err(what), _) => report.damaged.push(Damage { id, what, slot }),
            (Ok(values), Some((segment, ordinal))) if is_due => {
                if !segment.holds(ordinal, index.metric, &values) {
                    report.not_derived.push(id);
                }
            }
            (Ok(_), None) if slot <= last_slot && !view.lacks_files() => {
                report.not_derived.push(id);
            }
            (Ok(_), _) => {}
        }
    })?;
    report.left_over = view.live_count() - derived;
    let is_counted = row.vector_count == report.vector_count as i64;
    report.recorded_count = (!is_counted).then_some(row.vector_count);
    Ok(report)
}

fn bad_files(engine: &Shared, index: &IndexRow, row: &NamespaceRow) -> Vec<String> {
    let is_bad = |name: &&super::segment_name::SegmentName| {
        let subject = super::view::subject(index, row, name.revision);
        Segment::open(&engine.segments.join(name.to_string()), &subject).is_err()
    };
    let bad = row.segments.iter().filter(is_bad);
    bad.map(ToString::to_string).collect()
}

/// Deletes the `damaged` vectors, counts the others and drops the derived files.
pub(super) fn repair(engine: &Shared, namespace: i64, damaged: &[Damage]) -> Result<()> {
    let mut dropped = Vec::new();
    engine.write(|transaction| {
        let Some(mut row) = tables::namespace_by_id(transaction, namespace)? else {
            return Ok(());
        };
        for damage in damaged {
            tables::delete_slot(transaction, damage.slot)?;
        }
        dropped.push(row.clone());
        row.vector_count = tables::count_vectors(transaction, namespace)?;
        if row.vector_count == 0 {
            return tables::delete_namespace(transaction, &row);
        }
        row.revision += 1;
        row.removals_since = row.revision;
        row.removal_count = 0;
        row.segments.clear();
        tables::delete_removals(transaction, namespace, row.revision)?;
        tables::update_namespace(transaction, &row)
    })?;
    engine.forget(&dropped);
    Ok(())
}

/// What SQLite's integrity check reports.
pub(super) fn check_database(connection: &Connection) -> Result<Vec<String>> {
    let mut statement = connection.prepare("PRAGMA quick_check")?;
    let lines = statement.query_map([], |row| row.get(0))?;
    let mut lines: Vec<String> = lines.collect::<rusqlite::Result<_>>()?;
    lines.retain(|line| line != "ok");
    Ok(lines)
}
