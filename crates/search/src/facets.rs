use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use serde_json::Value;

use crate::collection::Collection;
use crate::error::Result;
use crate::keys;
use crate::metadata;

/// Records read at a time.
const PAGE: usize = 1024;

/// The most values that are told apart in a column; beyond them, values that are new are not counted.
const MOST_VALUES: usize = 10_000;

/// What the pictures of a collection can be told apart by, with how many pictures have each value.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Facets {
    /// The folders that pictures are in, those above included, by their paths from the folder of the source.
    pub folders: Vec<Count>,
    /// The years in which they were taken, the last first.
    pub years: Vec<Count>,
    /// How many pictures have no date.
    pub undated: u64,
    /// What sources and files said of them.
    pub columns: Vec<Column>,
}

/// A column of metadata.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its values, those of most pictures first. Those of a list are counted one by one.
    pub values: Vec<Count>,
    /// Whether there are more values.
    pub more: bool,
}

/// How many pictures have a value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Count {
    /// The value: a text, a number or a boolean.
    pub value: Value,
    /// The number of pictures.
    pub count: u64,
}

/// Columns whose values are all different, or that are told otherwise.
const LEFT_OUT: [&str; 6] = [
    keys::TAKEN,
    keys::TAKEN_AT,
    keys::LATITUDE,
    keys::LONGITUDE,
    keys::TITLE,
    keys::DESCRIPTION,
];

#[derive(Default)]
struct Counting {
    folders: HashMap<String, u64>,
    years: BTreeMap<String, u64>,
    undated: u64,
    columns: BTreeMap<String, Values>,
}

#[derive(Default)]
struct Values {
    counts: HashMap<String, u64>,
    more: bool,
}

impl Collection<'_> {
    /// What its pictures can be told apart by: at most `most` values of each column. All records are read.
    ///
    /// # Errors
    /// Those of the catalogue.
    pub fn facets(&self, most: usize) -> Result<Facets> {
        let (mut counting, mut after) = (Counting::default(), String::new());
        loop {
            let records = self.catalogue.records(self.key(), Some(&after), PAGE)?;
            let Some(last) = records.last() else {
                return Ok(counting.facets(most));
            };
            after.clone_from(&last.id);
            for record in records.iter().filter(|record| !record.missing) {
                let mut said = record.facts.clone();
                said.extend(record.metadata.clone());
                counting.see(&metadata::relative(record), &said);
            }
        }
    }
}

impl Counting {
    fn see(&mut self, image: &str, said: &index::Metadata) {
        if !image.contains("://") {
            for (end, _) in image.rmatch_indices('/') {
                *self.folders.entry(image[..end].to_owned()).or_default() += 1;
            }
        }
        match said.get(keys::TAKEN).and_then(Value::as_str) {
            Some(taken) => {
                let year = taken.chars().take(4).collect();
                *self.years.entry(year).or_default() += 1;
            }
            None => self.undated += 1,
        }
        for (name, value) in said {
            if LEFT_OUT.contains(&name.as_str()) {
                continue;
            }
            let values = self.columns.entry(name.clone()).or_default();
            match value {
                Value::Array(all) => all.iter().for_each(|value| values.see(value)),
                value => values.see(value),
            }
        }
    }

    fn facets(self, most: usize) -> Facets {
        let text = |(value, count): (String, u64)| Count {
            value: value.into(),
            count,
        };
        let mut folders: Vec<Count> = self.folders.into_iter().map(text).collect();
        order(&mut folders);
        folders.truncate(most);
        let columns = self.columns.into_iter();
        Facets {
            folders,
            years: self.years.into_iter().rev().map(text).collect(),
            undated: self.undated,
            columns: columns
                .filter_map(|(name, values)| values.column(name, most))
                .collect(),
        }
    }
}

impl Values {
    fn see(&mut self, value: &Value) {
        // As JSON, which tells a number from its digits.
        let value = value.to_string();
        if self.counts.len() >= MOST_VALUES && !self.counts.contains_key(&value) {
            self.more = true;
            return;
        }
        *self.counts.entry(value).or_default() += 1;
    }

    /// `None` where no value is of two pictures: such a column finds single pictures, and tells none apart.
    fn column(self, name: String, most: usize) -> Option<Column> {
        let is_telling = self.counts.len() <= most || self.counts.values().any(|count| *count > 1);
        let counts = self.counts.into_iter().filter_map(|(value, count)| {
            let value = serde_json::from_str(&value).ok()?;
            Some(Count { value, count })
        });
        let mut values: Vec<Count> = counts.collect();
        order(&mut values);
        let more = self.more || values.len() > most;
        values.truncate(most);
        is_telling.then_some(Column { name, values, more })
    }
}

/// Most first, equal ones by value.
fn order(counts: &mut [Count]) {
    counts.sort_by(|a, b| {
        let by_value = || a.value.to_string().cmp(&b.value.to_string());
        b.count.cmp(&a.count).then_with(by_value)
    });
}
