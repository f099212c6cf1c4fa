use std::collections::{HashMap, HashSet};
use std::path::Path;

use serde_json::Value;

use crate::exclusions::Exclusions;
use crate::row::Row;
use crate::{Address, Listing, Metadata, Problem, ProblemReason, Record, paths};

/// The rows of a table brought together: those that name the same picture become one record.
pub(crate) struct Gathering<'a> {
    folder: &'a Path,
    exclusions: &'a Exclusions,
    by_place: HashMap<Address, usize>,
    by_id: HashMap<String, usize>,
    listing: Listing,
}

impl<'a> Gathering<'a> {
    /// For tables whose paths lead from the absolute path `folder`.
    pub(crate) fn new(folder: &'a Path, exclusions: &'a Exclusions) -> Self {
        Self {
            folder,
            exclusions,
            by_place: HashMap::new(),
            by_id: HashMap::new(),
            listing: Listing::default(),
        }
    }

    /// Takes the row of `table` that begins on `line`, or the reason why it cannot be read.
    pub(crate) fn add(&mut self, table: &Path, line: u64, row: Result<Row, ProblemReason>) {
        if let Err(reason) = row.and_then(|row| self.add_row(table, line, row)) {
            self.listing.problems.push(Problem {
                file: table.to_owned(),
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

    fn add_row(&mut self, table: &Path, line: u64, row: Row) -> Result<(), ProblemReason> {
        let path = row.path.trim();
        // The manifest of a download says so of what came to nothing.
        if path.is_empty() && row.metadata.get("is_valid") == Some(&Value::Bool(false)) {
            return Ok(());
        }
        let mut place = match row.inside {
            Some(_) => Address::inside(table, line),
            None => Address::resolve(self.folder, path)?,
        };
        if self.is_excluded(&place) {
            return Ok(());
        }
        if let Address::File(file) = &place
            && !self.by_place.contains_key(&place)
        {
            place = Address::File(paths::existing(file.clone(), path)?);
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
            self.listing.records.push(Record::at(place));
        }
        let record = &mut self.listing.records[index];
        if let (None, Some(id)) = (&record.id, id) {
            self.by_id.insert(id.clone(), index);
            record.id = Some(id);
        }
        merge(record, row.captions, row.metadata);
        Ok(())
    }

    fn is_excluded(&self, place: &Address) -> bool {
        // Patterns are of files.
        let Address::File(place) = place else {
            return false;
        };
        match (place.strip_prefix(self.folder), place.file_name()) {
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
