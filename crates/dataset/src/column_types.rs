use std::collections::BTreeMap;

use serde_json::{Number, Value};

use crate::Metadata;

/// The type that all cells of a column seen so far share.
///
/// A column has numbers if each of its cells is empty or a number as programs write it: `7`, `-0.25`,
/// `1e-05`, but not `007`, `+7`, `1e3`, or integers of more than 15 digits. It has booleans if each is empty,
/// `true` or `false`. Otherwise it has text: a column of postcodes is text as soon as one begins with a zero.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CellType {
    number: bool,
    boolean: bool,
}

impl Default for CellType {
    fn default() -> Self {
        Self {
            number: true,
            boolean: true,
        }
    }
}

impl CellType {
    /// Includes a cell that isn't empty.
    pub(crate) fn include(&mut self, text: &str) {
        self.number &= number(text).is_some();
        self.boolean &= boolean(text).is_some();
    }

    fn join(&mut self, other: Self) {
        self.number &= other.number;
        self.boolean &= other.boolean;
    }

    /// Converts the text of a cell to the column's type.
    fn apply(self, cell: &mut Value) {
        let text = cell.as_str().unwrap_or_default();
        let typed = match self {
            Self { number: true, .. } => number(text).map(Value::Number),
            Self { boolean: true, .. } => boolean(text).map(Value::Bool),
            _ => None,
        };
        if let Some(typed) = typed {
            *cell = typed;
        }
    }
}

/// The types of the metadata columns of CSV and TSV. Known after all rows have been read.
#[derive(Debug, Default)]
pub(crate) struct ColumnTypes(BTreeMap<String, CellType>);

impl ColumnTypes {
    /// Adds the columns of another table of the same data set. Columns with the same name get a type that
    /// fits both.
    pub(crate) fn join(&mut self, other: Self) {
        self.extend(other.0);
    }

    /// Converts the metadata of a row from text to the types of the columns.
    pub(crate) fn apply(&self, metadata: &mut Metadata) {
        for (name, cell) in metadata {
            if let Some(cell_type) = self.0.get(name) {
                cell_type.apply(cell);
            }
        }
    }

    /// Whether the column `name` holds booleans.
    pub(crate) fn is_boolean(&self, name: &str) -> bool {
        let cell_type = self.0.get(name);
        cell_type.is_some_and(|cell_type| cell_type.boolean)
    }
}

impl Extend<(String, CellType)> for ColumnTypes {
    fn extend<T: IntoIterator<Item = (String, CellType)>>(&mut self, columns: T) {
        for (name, cell_type) in columns {
            self.0.entry(name).or_default().join(cell_type);
        }
    }
}

impl FromIterator<(String, CellType)> for ColumnTypes {
    fn from_iter<T: IntoIterator<Item = (String, CellType)>>(columns: T) -> Self {
        let mut types = Self::default();
        types.extend(columns);
        types
    }
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

/// Parses a number as programs write it. A text with a leading zero or sixteen digits is a code or an id.
fn number(text: &str) -> Option<Number> {
    const DIGITS: usize = 15;
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (decimal, exponent) = split_optional(unsigned, 'e');
    let (whole, fraction) = split_optional(decimal, '.');
    let is_plain = is_digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && whole.len() <= DIGITS
        && fraction.is_none_or(is_digits)
        && exponent.is_none_or(|text| text.strip_prefix(['+', '-']).is_some_and(is_digits));
    if !is_plain {
        return None;
    }
    match (fraction, exponent) {
        (None, None) => text.parse::<i64>().ok().map(Number::from),
        _ => text.parse().ok().and_then(Number::from_f64),
    }
}

/// The text before the first `separator`, and the text after it, if any.
fn split_optional(text: &str, separator: char) -> (&str, Option<&str>) {
    match text.split_once(separator) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}
