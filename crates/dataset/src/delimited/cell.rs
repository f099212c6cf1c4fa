use std::borrow::Cow;

use csv::ByteRecord;

use super::dialect::Dialect;
use super::quotes::Quoting;
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

/// `"a ""b"""` and `"a \"b\""` are `a "b"`; whatever is not wholly quoted stays as it is.
fn unquoted(cell: &[u8]) -> Cow<'_, [u8]> {
    let Some(inner) = cell
        .strip_prefix(b"\"")
        .and_then(|rest| rest.strip_suffix(b"\""))
    else {
        return Cow::Borrowed(cell);
    };
    let mut text = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter().peekable();
    while let Some(&byte) = bytes.next() {
        match byte {
            b'\\' if bytes.next_if_eq(&&b'"').is_some() => text.push(b'"'),
            b'"' if bytes.next() != Some(&b'"') => return Cow::Borrowed(cell),
            byte => text.push(byte),
        }
    }
    Cow::Owned(text)
}
