use std::borrow::Cow;

use csv::ByteRecord;

use super::dialect::Dialect;
use super::quotes::Quoting;
use super::requoted::unquoted;
use crate::encoding;

/// Null in the exports of MySQL and PostgreSQL.
const NULL: &str = r"\N";

/// A cell without its carriage return and, in a table without quoting, without its quotes.
pub(super) fn cell(cells: &ByteRecord, index: usize, dialect: Dialect) -> Cow<'_, [u8]> {
    let mut cell = &cells[index];
    if index + 1 == cells.len() {
        cell = cell.strip_suffix(b"\r").unwrap_or(cell);
    }
    let unmarked = match index {
        0 => encoding::without_mark(cell),
        _ => cell,
    };
    // A byte order mark hides the quotes after it from the reader.
    if dialect.quoting == Quoting::Off || unmarked.len() < cell.len() {
        unquoted(unmarked)
    } else {
        Cow::Borrowed(unmarked)
    }
}

/// A cell without surrounding white space, or an empty text for `NULL`.
pub(super) fn trimmed(text: &str) -> &str {
    match text.trim() {
        NULL => "",
        text => text,
    }
}
