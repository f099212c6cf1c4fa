use std::collections::{BTreeMap, HashMap, HashSet};

use index::Filter;
use serde::Serialize;
use serde_json::Value;

use crate::collection::Collection;
use crate::error::Result;
use crate::keys;
use crate::keywords::Keywords;
use crate::metadata;
use crate::record::Record;

/// Records read at a time.
const PAGE: usize = 1024;

/// The maximum number of distinct values counted in a column. Further new values are ignored.
const MOST_VALUES: usize = 10_000;

/// Which pictures to count, and how many values to return.
#[derive(Clone, Debug, Default)]
pub struct FacetOptions {
    /// The maximum number of values of each column.
    pub most: usize,
    /// Count only pictures whose metadata match. The values of a column are counted without the conditions on
    /// that column, so the alternatives to a selected value keep their counts. The same holds for years with
    /// conditions on the date, and for folders.
    pub filter: Option<Filter>,
    /// Count only pictures that have these keywords.
    pub keywords: Option<Keywords>,
}

/// The values by which a collection can be filtered, with the number of pictures for each.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Facets {
    /// The folders that contain pictures, with their parents, as paths relative to the source's folder.
    pub folders: Vec<Count>,
    /// The years in which pictures were taken, newest first.
    pub years: Vec<Count>,
    /// The number of pictures without a date.
    pub undated: u64,
    /// The columns of metadata.
    pub columns: Vec<Column>,
}

/// A column of metadata.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its values, most frequent first. The items of a list are counted separately.
    pub values: Vec<Count>,
    /// Whether there are more values.
    pub more: bool,
}

/// A value and its number of pictures.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Count {
    /// The value: a string, a number or a boolean.
    pub value: Value,
    /// The number of pictures.
    pub count: u64,
}

/// Columns whose values are all different, or that have a facet of another kind.
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

/// A facet that is counted separately.
#[derive(PartialEq, Eq)]
enum Facet {
    Folders,
    Dates,
    Column(String),
}

/// The parts of the filter.
struct Conditions {
    parts: Vec<Part>,
    /// The ids of the pictures with the keywords.
    with_keywords: Option<HashSet<String>>,
}

struct Part {
    filter: Filter,
    /// The facet of this condition, if there's only one.
    own: Option<Facet>,
}

/// The facets in which a picture is counted.
enum CountedIn<'a> {
    All,
    One(&'a Facet),
    None,
}

impl Collection<'_> {
    /// Counts the pictures for each value. Reads all records once.
    ///
    /// # Errors
    /// [`Error::Catalogue`](crate::Error::Catalogue), [`Error::DamagedRecord`](crate::Error::DamagedRecord) and
    /// [`Error::Index`](crate::Error::Index).
    pub fn facets(&self, options: &FacetOptions) -> Result<Facets> {
        let conditions = self.conditions(options)?;
        let (mut counting, mut after) = (Counting::default(), String::new());
        loop {
            let records = self.catalogue.records(self.key(), Some(&after), PAGE)?;
            let Some(last) = records.last() else {
                return Ok(counting.facets(options.most));
            };
            after.clone_from(&last.id);
            for record in records.iter().filter(|record| !record.missing) {
                counting.count(record, &self.counted_in(record, &conditions));
            }
        }
    }

    fn conditions(&self, options: &FacetOptions) -> Result<Conditions> {
        let parts = options.filter.as_ref().map(Filter::parts).transpose()?;
        let parts = parts.into_iter().flatten().map(Part::new).collect();
        let keywords = options.keywords.as_ref().map(|keywords| {
            let expression = keywords.expression();
            self.catalogue.ids_with_keywords(self.key(), expression)
        });
        let with_keywords = keywords.transpose()?.map(HashSet::from_iter);
        Ok(Conditions {
            parts,
            with_keywords,
        })
    }

    fn counted_in<'a>(&self, record: &Record, conditions: &'a Conditions) -> CountedIn<'a> {
        let ids = conditions.with_keywords.as_ref();
        if ids.is_some_and(|ids| !ids.contains(&record.id)) {
            return CountedIn::None;
        }
        if conditions.parts.is_empty() {
            return CountedIn::All;
        }
        let metadata = self.labels().of_picture(record);
        let mut failed = conditions
            .parts
            .iter()
            .filter(|part| !part.filter.matches(&metadata));
        let Some(first) = failed.next() else {
            return CountedIn::All;
        };
        match &first.own {
            Some(own) if failed.all(|part| part.own.as_ref() == Some(own)) => CountedIn::One(own),
            _ => CountedIn::None,
        }
    }
}

impl Part {
    fn new(filter: Filter) -> Self {
        let mut facets = filter.fields().into_iter().map(Facet::of);
        let first = facets.next();
        let own = first.filter(|first| facets.all(|facet| facet == *first));
        Self { filter, own }
    }
}

impl Facet {
    /// The facet of a condition on a field.
    fn of(field: &str) -> Self {
        match field {
            keys::FOLDERS | keys::PLACES => Self::Folders,
            keys::TAKEN | keys::TAKEN_AT => Self::Dates,
            column => Self::Column(column.to_owned()),
        }
    }
}

impl CountedIn<'_> {
    fn has(&self, facet: &Facet) -> bool {
        match self {
            Self::All => true,
            Self::One(own) => *own == facet,
            Self::None => false,
        }
    }

    fn has_column(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::One(Facet::Column(own)) => own == name,
            Self::One(_) | Self::None => false,
        }
    }
}

impl Counting {
    fn count(&mut self, record: &Record, counted_in: &CountedIn<'_>) {
        if counted_in.has(&Facet::Folders) {
            self.count_folders(&metadata::relative(record));
        }
        // A value of the source takes precedence over one of the file.
        let own = record.facts.iter();
        let own = own.filter(|(name, _)| !record.metadata.contains_key(*name));
        let entries = own.chain(&record.metadata);
        if counted_in.has(&Facet::Dates) {
            let taken = entries.clone().find(|(name, _)| *name == keys::TAKEN);
            self.count_date(taken.and_then(|(_, value)| value.as_str()));
        }
        for (name, value) in entries.filter(|(name, _)| counted_in.has_column(name)) {
            self.count_value(name, value);
        }
    }

    fn count_folders(&mut self, image: &str) {
        if !image.contains("://") {
            for (end, _) in image.rmatch_indices('/') {
                *self.folders.entry(image[..end].to_owned()).or_default() += 1;
            }
        }
    }

    fn count_date(&mut self, taken: Option<&str>) {
        match taken {
            Some(taken) => {
                let year = taken.chars().take(4).collect();
                *self.years.entry(year).or_default() += 1;
            }
            None => self.undated += 1,
        }
    }

    fn count_value(&mut self, name: &str, value: &Value) {
        if LEFT_OUT.contains(&name) {
            return;
        }
        let values = self.columns.entry(name.to_owned()).or_default();
        match value {
            Value::Array(all) => all.iter().for_each(|value| values.count(value)),
            value => values.count(value),
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
    fn count(&mut self, value: &Value) {
        // As JSON, which distinguishes a number from its digits.
        let value = value.to_string();
        if self.counts.len() >= MOST_VALUES && !self.counts.contains_key(&value) {
            self.more = true;
            return;
        }
        *self.counts.entry(value).or_default() += 1;
    }

    /// `None` if no two pictures share a value: such a column doesn't narrow a search.
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

/// Sorts by count, most frequent first, then by value.
fn order(counts: &mut [Count]) {
    counts.sort_by(|a, b| {
        let by_value = || a.value.to_string().cmp(&b.value.to_string());
        b.count.cmp(&a.count).then_with(by_value)
    });
}
