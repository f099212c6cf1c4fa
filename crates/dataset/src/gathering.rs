use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::column_types::ColumnTypes;
use crate::exclusions::Exclusions;
use crate::listing::{ColumnCounts, Known, Mention};
use crate::row::Row;
use crate::{Address, Error, Listing, Problem, ProblemReason, Result, paths};

/// Adds the rows of a source's tables to a listing.
pub(crate) struct Gathering<'a> {
    folder: &'a Path,
    exclusions: &'a Exclusions,
    listing: &'a mut Listing,
    source: usize,
    counts: ColumnCounts,
    /// The number of pictures whose file doesn't exist.
    missing: u64,
    /// The table of the last row that isn't valid UTF-8, and the number of further ones.
    not_utf8: Option<NotUtf8>,
    /// The record of the previous row: rows of one picture are often adjacent.
    last: Option<(Address, Known)>,
}

/// Rows of a table that aren't valid UTF-8, after the first.
struct NotUtf8 {
    table: PathBuf,
    rows: u64,
    /// The line of the first of them.
    line: Option<u64>,
}

/// Why a row wasn't added.
enum Refusal {
    /// The row is bad.
    Row(ProblemReason),
    /// The listing failed.
    Listing(Error),
}

impl From<ProblemReason> for Refusal {
    fn from(reason: ProblemReason) -> Self {
        Self::Row(reason)
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Listing(error)
    }
}

impl<'a> Gathering<'a> {
    /// Starts the source at `path`. The paths in its tables are relative to the absolute path `folder`.
    pub(crate) fn new(
        path: &Path,
        folder: &'a Path,
        exclusions: &'a Exclusions,
        listing: &'a mut Listing,
    ) -> Result<Self> {
        Ok(Self {
            folder,
            exclusions,
            source: listing.begin_source(path)?,
            listing,
            counts: ColumnCounts::default(),
            missing: 0,
            not_utf8: None,
            last: None,
        })
    }

    /// Adds the row of `table` that begins on `line`, or reports why it can't be read.
    pub(crate) fn add(
        &mut self,
        table: &Path,
        line: u64,
        row: Result<Row, ProblemReason>,
    ) -> Result<()> {
        let row = row.map_err(Refusal::from);
        match row.and_then(|row| self.add_row(table, line, row)) {
            Ok(()) => Ok(()),
            Err(Refusal::Listing(error)) => Err(error),
            Err(Refusal::Row(ProblemReason::TextNotUtf8 { .. }))
                if self.is_known_not_utf8(table, line)? =>
            {
                Ok(())
            }
            Err(Refusal::Row(reason)) => {
                self.missing += u64::from(matches!(reason, ProblemReason::NoSuchFile { .. }));
                self.listing.report(&Problem {
                    file: table.to_owned(),
                    line: Some(line),
                    reason,
                })
            }
        }
    }

    /// Counts a row of a table that isn't valid UTF-8. The first is reported; the others, probably all that
    /// aren't ASCII, are only counted.
    fn is_known_not_utf8(&mut self, table: &Path, line: u64) -> Result<bool> {
        match &mut self.not_utf8 {
            Some(known) if known.table == table => {
                known.rows += 1;
                known.line.get_or_insert(line);
                Ok(true)
            }
            _ => {
                self.report_not_utf8()?;
                self.not_utf8 = Some(NotUtf8 {
                    table: table.to_owned(),
                    rows: 0,
                    line: None,
                });
                Ok(false)
            }
        }
    }

    fn report_not_utf8(&mut self) -> Result<()> {
        match self.not_utf8.take() {
            Some(NotUtf8 { table, rows, line }) if rows > 0 => self.listing.report(&Problem {
                file: table,
                line,
                reason: ProblemReason::MoreNotUtf8 { rows },
            }),
            _ => Ok(()),
        }
    }

    /// Ends the source, now that the types of its columns are known. Returns the number of missing files.
    pub(crate) fn finish(mut self, types: ColumnTypes) -> Result<u64> {
        self.report_not_utf8()?;
        self.listing.end_source(self.source, types, self.counts);
        Ok(self.missing)
    }

    fn add_row(&mut self, table: &Path, line: u64, row: Row) -> Result<(), Refusal> {
        let path = row.path.trim();
        // A download's manifest has rows without a picture and says why.
        if path.is_empty() && row.metadata.get("is_valid") == Some(&Value::Bool(false)) {
            return Ok(());
        }
        let mut address = match row.inside {
            Some(_) => Address::inside(table, line),
            None => Address::resolve(self.folder, path)?,
        };
        if self.is_excluded(&address) {
            return Ok(());
        }
        let mut known = self.find(&address)?;
        if let (Address::File(file), None) = (&address, known) {
            let existing = match paths::existing(file.clone(), path) {
                // One problem per picture, however many rows name it.
                Err(_) if !self.is_news(&address.text())? => return Ok(()),
                existing => existing?,
            };
            if existing.to_str().is_none() {
                return Err(ProblemReason::NameNotUtf8.into());
            }
            if existing != *file {
                address = Address::File(existing);
                known = self.find(&address)?;
            }
        }
        let id = row.id.filter(|id| !id.is_empty());
        if let Some(id) = &id
            && let Some(holder) = self.listing.holder(id)?
            && known.is_none_or(|known| known.number != holder)
        {
            return if self.is_news(&format!("{id}\0{}", address.text()))? {
                Err(ProblemReason::DuplicateId { id: id.clone() }.into())
            } else {
                Ok(())
            };
        }
        let other_id = match (&id, known) {
            (Some(id), Some(known)) => self.other_id(id, known)?,
            _ => None,
        };
        self.counts.take(&row.metadata, &row.left_out);
        let mention = Mention {
            source: self.source,
            id,
            captions: trimmed(row.captions),
            metadata: row.metadata,
        };
        let known = self.listing.add(&address, known, mention)?;
        self.last = Some((address, known));
        match other_id {
            Some(reason) => Err(reason.into()),
            None => Ok(()),
        }
    }

    /// The problem of a row that gives `id` to a picture with another id. Its captions are still added, as
    /// tables of captions may have an id per row.
    fn other_id(&mut self, id: &str, known: Known) -> Result<Option<ProblemReason>> {
        let holder = self.listing.id(known)?.filter(|holder| holder != id);
        Ok(holder.map(|holder| ProblemReason::OtherId {
            id: id.to_owned(),
            holder,
        }))
    }

    /// Whether nothing with this name was refused before.
    fn is_news(&mut self, name: &str) -> Result<bool> {
        self.listing.refuse(self.source, name)
    }

    fn find(&mut self, address: &Address) -> Result<Option<Known>> {
        match &self.last {
            Some((last, known)) if last == address => Ok(Some(*known)),
            _ => self.listing.find(address),
        }
    }

    fn is_excluded(&self, address: &Address) -> bool {
        // Patterns apply to files.
        let Address::File(path) = address else {
            return false;
        };
        match (path.strip_prefix(self.folder), path.file_name()) {
            (Ok(relative), _) => self.exclusions.exclude_within(relative),
            // Patterns don't apply to the folders above the source.
            (Err(_), Some(name)) => self.exclusions.exclude(Path::new(name), false),
            (Err(_), None) => false,
        }
    }
}

/// The captions without surrounding white space, and without empty ones.
fn trimmed(mut captions: Vec<String>) -> Vec<String> {
    captions.retain_mut(|caption| {
        let trimmed = caption.trim();
        if trimmed.len() < caption.len() {
            *caption = trimmed.to_owned();
        }
        !caption.is_empty()
    });
    captions
}
