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

/// The most values that are told apart in a column; beyond them, values that are new are not counted.
const MOST_VALUES: usize = 10_000;

/// Which pictures are counted, and how many of their values.
#[derive(Clone, Debug, Default)]
pub struct FacetOptions {
    /// At most this many values of each column.
    pub most: usize,
    /// Count only pictures whose metadata match. The values of a column are counted without the conditions on that column
    /// alone, so that alternatives to a chosen value keep their numbers; years without those on the date, and folders
    /// without those on folders.
    pub filter: Option<Filter>,
    /// Count only pictures that have these words.
    pub keywords: Option<Keywords>,
}

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

/// What is counted on its own.
#[derive(PartialEq, Eq)]
enum Facet {
    Folders,
    Dates,
    Column(String),
}

/// The conditions, one by one.
struct Conditions {
    parts: Vec<Part>,
    /// The ids of the pictures with the keywords.
    with_keywords: Option<HashSet<String>>,
}

struct Part {
    filter: Filter,
    /// What it is about, if it is about one facet alone.
    own: Option<Facet>,
}

/// The facets that a picture counts for.
enum Reach<'a> {
    All,
    One(&'a Facet),
    None,
}

impl Collection<'_> {
    /// What its pictures can be told apart by. All records are read, once.
    ///
    /// # Errors
    /// Those of the catalogue.
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
                counting.see(record, &self.reach(record, &conditions));
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

    fn reach<'a>(&self, record: &Record, conditions: &'a Conditions) -> Reach<'a> {
        let ids = conditions.with_keywords.as_ref();
        if ids.is_some_and(|ids| !ids.contains(&record.id)) {
            return Reach::None;
        }
        if conditions.parts.is_empty() {
            return Reach::All;
        }
        let metadata = self.labels().of_picture(record);
        let mut failed = conditions
            .parts
            .iter()
            .filter(|part| !part.filter.matches(&metadata));
        let Some(first) = failed.next() else {
            return Reach::All;
        };
        match &first.own {
            Some(own) if failed.all(|part| part.own.as_ref() == Some(own)) => Reach::One(own),
            _ => Reach::None,
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
    /// The one that a condition on a field is about.
    fn of(field: &str) -> Self {
        match field {
            keys::FOLDERS | keys::PLACES => Self::Folders,
            keys::TAKEN | keys::TAKEN_AT => Self::Dates,
            column => Self::Column(column.to_owned()),
        }
    }
}

impl Reach<'_> {
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
    fn see(&mut self, record: &Record, reach: &Reach<'_>) {
        if reach.has(&Facet::Folders) {
            self.see_folders(&metadata::relative(record));
        }
        // What its source says counts more than what its file says.
        let own = record.facts.iter();
        let own = own.filter(|(name, _)| !record.metadata.contains_key(*name));
        let said = own.chain(&record.metadata);
        if reach.has(&Facet::Dates) {
            let taken = said.clone().find(|(name, _)| *name == keys::TAKEN);
            self.see_date(taken.and_then(|(_, value)| value.as_str()));
        }
        for (name, value) in said.filter(|(name, _)| reach.has_column(name)) {
            self.see_value(name, value);
        }
    }

    fn see_folders(&mut self, image: &str) {
        if !image.contains("://") {
            for (end, _) in image.rmatch_indices('/') {
                *self.folders.entry(image[..end].to_owned()).or_default() += 1;
            }
        }
    }

    fn see_date(&mut self, taken: Option<&str>) {
        match taken {
            Some(taken) => {
                let year = taken.chars().take(4).collect();
                *self.years.entry(year).or_default() += 1;
            }
            None => self.undated += 1,
        }
    }

    fn see_value(&mut self, name: &str, value: &Value) {
        if LEFT_OUT.contains(&name) {
            return;
        }
        let values = self.columns.entry(name.to_owned()).or_default();
        match value {
            Value::Array(all) => all.iter().for_each(|value| values.see(value)),
            value => values.see(value),
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
