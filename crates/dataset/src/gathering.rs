use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::columns::Roles;
use crate::exclusions::Exclusions;
use crate::{Listing, Metadata, Problem, ProblemReason, Record, place, value};

/// What one row of a table says.
#[derive(Debug, Default)]
pub(crate) struct Row {
    pub(crate) path: String,
    pub(crate) captions: Vec<String>,
    pub(crate) id: Option<String>,
    pub(crate) metadata: Metadata,
}

impl Row {
    /// Takes the value of a column that has one of the roles, or several.
    pub(crate) fn set(&mut self, roles: &Roles, column: usize, value: Value) {
        if roles.id == Some(column) {
            self.id = value::text(value.clone());
        }
        if roles.caption == Some(column) {
            self.captions = value::texts(value.clone());
        }
        if roles.path == Some(column) {
            self.path = value::text(value).unwrap_or_default();
        }
    }
}

/// The rows of a table brought together: those that name the same picture become one record.
pub(crate) struct Gathering<'a> {
    table: &'a Path,
    folder: PathBuf,
    exclusions: &'a Exclusions,
    by_place: HashMap<PathBuf, usize>,
    by_id: HashMap<String, usize>,
    listing: Listing,
}

impl<'a> Gathering<'a> {
    /// For the table at the absolute path `table`.
    pub(crate) fn new(table: &'a Path, exclusions: &'a Exclusions) -> Self {
        Self {
            table,
            folder: table.parent().unwrap_or(table).to_owned(),
            exclusions,
            by_place: HashMap::new(),
            by_id: HashMap::new(),
            listing: Listing::default(),
        }
    }

    /// Takes the row that begins on `line`, or the reason why it cannot be read.
    pub(crate) fn add(&mut self, line: u64, row: Result<Row, ProblemReason>) {
        if let Err(reason) = row.and_then(|row| self.add_row(row)) {
            self.listing.problems.push(Problem {
                file: self.table.to_owned(),
                line: Some(line),
                reason,
            });
        }
    }

    pub(crate) fn finish(mut self) -> Listing {
        for record in &mut self.listing.records {
            remove_repeated(&mut record.captions);
        }
        self.listing
    }

    fn add_row(&mut self, row: Row) -> Result<(), ProblemReason> {
        let path = row.path.trim();
        let mut place = place::resolve(&self.folder, path)?;
        if self.is_excluded(&place) {
            return Ok(());
        }
        if !self.by_place.contains_key(&place) {
            place = place::existing(place, path)?;
        }
        let next = self.listing.records.len();
        let index = self.by_place.get(&place).copied().unwrap_or(next);
        let id = row.id.filter(|id| !id.is_empty());
        if let Some(id) = &id
            && self.by_id.get(id).is_some_and(|&named| named != index)
        {
            return Err(ProblemReason::DuplicateId { id: id.clone() });
        }
        if index == next {
            self.by_place.insert(place.clone(), index);
            self.listing.records.push(Record {
                place,
                ..Record::default()
            });
        }
        let record = &mut self.listing.records[index];
        if let (None, Some(id)) = (&record.id, id) {
            self.by_id.insert(id.clone(), index);
            record.id = Some(id);
        }
        merge(record, row.captions, row.metadata);
        Ok(())
    }

    fn is_excluded(&self, place: &Path) -> bool {
        match (place.strip_prefix(&self.folder), place.file_name()) {
            (Ok(relative), _) => self.exclusions.exclude_within(relative),
            // Patterns say nothing of the folders above the source.
            (Err(_), Some(name)) => self.exclusions.exclude(Path::new(name), false),
            (Err(_), None) => false,
        }
    }
}

/// Captions are added, metadata only where the record has none of that name.
fn merge(record: &mut Record, captions: Vec<String>, metadata: Metadata) {
    for caption in captions {
        let caption = caption.trim();
        if !caption.is_empty() {
            record.captions.push(caption.to_owned());
        }
    }
    for (name, value) in metadata {
        record.metadata.entry(name).or_insert(value);
    }
}

/// Keeps the first of equal captions. Done once, at the end: a picture can have very many.
fn remove_repeated(captions: &mut Vec<String>) {
    let mut seen = HashSet::new();
    let is_first: Vec<bool> = captions
        .iter()
        .map(|caption| seen.insert(caption))
        .collect();
    let mut is_first = is_first.into_iter();
    captions.retain(|_| is_first.next().unwrap_or_default());
}
