use std::borrow::Cow;

use csv::ByteRecord;

use super::dialect::Dialect;
use super::quotes::Quoting;
use super::requoted::unquoted;
use crate::encoding;

/// What stands for nothing in the exports of MySQL and PostgreSQL.
const NULL: &str = r"\N";

/// One cell without its carriage return, and in a table without quoting without its quotes.
pub(super) fn cell(cells: &ByteRecord, index: usize, dialect: Dialect) -> Cow<'_, [u8]> {
    let mut cell = &cells[index];
    if index + 1 == cells.len() {
        cell = cell.strip_suffix(b"\r").unwrap_or(cell);
    }
    let unmarked = match index {
        0 => encoding::without_mark(cell),
        _ => cell,
    };
    // A mark keeps the reader from seeing the quotes after it.
    match dialect.quoting == Quoting::Off || unmarked.len() < cell.len() {
        true => unquoted(unmarked),
        false => Cow::Borrowed(unmarked),
    }
}

/// A cell that is not `NULL`, without white space around it.
pub(super) fn trimmed(text: &str) -> &str {
    match text.trim() {
        NULL => "",
        text => text,
    }
}
