use std::collections::BTreeMap;

use serde_json::Value;

use crate::Metadata;

/// The maximum number of columns, as in JSON Lines every object may have different ones.
const MOST_COLUMNS: usize = 1 << 12;
/// The maximum length of an example in characters.
const LONGEST_EXAMPLE: usize = 200;

/// Counts of the cells of a metadata column, over all rows that became part of a record. Booleans and lists
/// aren't counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CellCounts {
    /// Numbers, and texts that can be parsed as numbers.
    pub numbers: u64,
    /// Other texts.
    pub others: u64,
    /// Other texts that are numbers with a decimal comma, as `3,50`.
    pub commas: u64,
    /// Cells that can't be metadata and are left out: objects, bytes, and lists of anything but strings.
    pub left_out: u64,
    /// The first of the other texts, truncated to 200 characters.
    pub example: Option<String>,
}

impl CellCounts {
    fn take(&mut self, cell: &Value) {
        match cell {
            Value::String(text) if text.trim().parse::<f64>().is_err() => {
                self.others += 1;
                self.commas += u64::from(is_with_comma(text.trim()));
                self.example
                    .get_or_insert_with(|| text.chars().take(LONGEST_EXAMPLE).collect());
            }
            Value::String(_) | Value::Number(_) => self.numbers += 1,
            _ => {}
        }
    }

    fn join(&mut self, other: Self) {
        self.numbers += other.numbers;
        self.others += other.others;
        self.commas += other.commas;
        self.left_out += other.left_out;
        self.example = self.example.take().or(other.example);
    }
}

/// Whether a text is a number with a decimal comma: `3,50`, `-1.234,5`.
fn is_with_comma(text: &str) -> bool {
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    let text = text.strip_prefix('-').unwrap_or(text);
    text.split_once(',')
        .is_some_and(|(whole, fraction)| is_digits(fraction) && whole.split('.').all(is_digits))
}

/// The [`CellCounts`] of all columns, by name.
#[derive(Debug, Default)]
pub(crate) struct ColumnCounts(BTreeMap<String, CellCounts>);

impl ColumnCounts {
    pub(super) fn by_name(&self) -> &BTreeMap<String, CellCounts> {
        &self.0
    }

    /// Counts the cells of a row.
    pub(crate) fn take(&mut self, metadata: &Metadata, left_out: &[String]) {
        for (name, cell) in metadata {
            if let Some(counts) = self.of(name) {
                counts.take(cell);
            }
        }
        for name in left_out {
            if let Some(counts) = self.of(name) {
                counts.left_out += 1;
            }
        }
    }

    pub(super) fn join(&mut self, other: Self) {
        for (name, theirs) in other.0 {
            if let Some(counts) = self.of(&name) {
                counts.join(theirs);
            }
        }
    }

    /// Removes the columns whose name isn't `wanted`.
    pub(super) fn retain(&mut self, wanted: impl Fn(&str) -> bool) {
        self.0.retain(|name, _| wanted(name));
    }

    fn of(&mut self, name: &str) -> Option<&mut CellCounts> {
        if !self.0.contains_key(name) && self.0.len() < MOST_COLUMNS {
            self.0.insert(name.to_owned(), CellCounts::default());
        }
        self.0.get_mut(name)
    }
}
