//! What columns of tables come to that their owner may not expect.

use std::collections::BTreeMap;

use dataset::Record;
use search::is_taken;
use serde_json::Value;

use crate::terminal::{message, visible};

/// Of a column whose cells are numbers in at least so many of a hundred, all are meant to be.
const MEANT: usize = 50;

/// What the cells of a column are.
#[derive(Default)]
struct Column<'a> {
    numbers: usize,
    others: usize,
    /// One of the others.
    example: &'a str,
}

impl<'a> Column<'a> {
    fn take(&mut self, cell: &'a Value) {
        match cell {
            Value::String(text) if text.trim().parse::<f64>().is_err() => {
                self.others += 1;
                self.example = text;
            }
            Value::String(_) | Value::Number(_) => self.numbers += 1,
            _ => {}
        }
    }

    /// Whether its numbers are texts because of a few cells.
    fn is_spoilt(&self) -> bool {
        self.others > 0 && 100 * self.numbers >= MEANT * (self.numbers + self.others)
    }
}

/// Says which columns are left out, as their names are taken, and which are texts because of a few cells.
pub(super) fn tell(records: &[Record]) {
    let mut columns: BTreeMap<&str, Column<'_>> = BTreeMap::new();
    for (name, cell) in records.iter().flat_map(|record| &record.metadata) {
        columns.entry(name).or_default().take(cell);
    }
    for (name, column) in &columns {
        let name = visible(name);
        if is_taken(&name) {
            message!(
                "note: the column {name} is left out, as its name is taken: by another it can be filtered by"
            );
        } else if column.is_spoilt() {
            message!(
                "note: the column {name} is text, as not all of it is numbers: `{}` for one",
                visible(column.example)
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_few_cells_spoil_a_column_of_numbers() {
        let is_spoilt = |cells: &Value| {
            let mut column = Column::default();
            cells
                .as_array()
                .unwrap()
                .iter()
                .for_each(|cell| column.take(cell));
            column.is_spoilt()
        };
        assert!(is_spoilt(&json!(["50", "60", "7.5", "1e3", "n/a"])));
        assert!(is_spoilt(&json!([50, 60, 70, 80, "n/a"])));
        assert!(!is_spoilt(&json!(["50", "007", 3])));
        assert!(!is_spoilt(&json!(["a", "b", "7"])));
        assert!(!is_spoilt(&json!([true, ["a"]])));
    }
}
