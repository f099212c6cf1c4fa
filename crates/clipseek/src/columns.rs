//! Notes about table columns with unexpected types or names.

use dataset::{CellCounts, Listing};
use search::is_taken;

use crate::event::{Listener, Note};

/// A column with at least this percentage of numbers is meant to be numeric.
const NUMERIC_PERCENT: u64 = 50;

/// Notes columns that are left out, and columns that are text because of a few cells.
pub(crate) fn note(listing: &Listing, listener: &Listener) {
    for (name, column) in listing.columns() {
        if is_taken(name) {
            listener.note(Note::ColumnTaken { name });
        } else if column.left_out > 0 {
            let cells = column.left_out;
            listener.note(Note::ColumnLeftOut { name, cells });
        } else if has_commas(column) {
            let example = column.example.as_deref().unwrap_or_default();
            listener.note(Note::ColumnHasCommas { name, example });
        } else if is_spoilt(column) {
            let example = column.example.as_deref().unwrap_or_default();
            listener.note(Note::ColumnIsText { name, example });
        }
    }
}

/// Whether a column is text because its numbers have commas.
fn has_commas(column: &CellCounts) -> bool {
    column.commas > 0 && column.commas >= column.others.div_ceil(2)
}

/// Whether a column of numbers is text because of a few cells.
fn is_spoilt(column: &CellCounts) -> bool {
    column.others > 0 && 100 * column.numbers >= NUMERIC_PERCENT * (column.numbers + column.others)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_cells_spoil_a_column_of_numbers() {
        let is_spoilt = |numbers, others| {
            is_spoilt(&CellCounts {
                numbers,
                others,
                ..CellCounts::default()
            })
        };
        assert!(is_spoilt(4, 1));
        assert!(is_spoilt(3, 1));
        assert!(!is_spoilt(3, 0));
        assert!(!is_spoilt(1, 2));
        assert!(!is_spoilt(0, 0));
    }

    #[test]
    fn numbers_with_commas_are_texts() {
        let has_commas = |others, commas| {
            has_commas(&CellCounts {
                others,
                commas,
                ..CellCounts::default()
            })
        };
        assert!(has_commas(3, 3) && has_commas(3, 2));
        assert!(!has_commas(3, 1) && !has_commas(0, 0));
    }
}
