//! CSV, TSV and lists of addresses.
//!
//! The delimiter is the one of `,` `;` tab `|` that makes most sense of the first row, or the one of
//! Excel's `sep=;` before it; without any, a line is a cell. Cells between commas, semicolons and bars
//! are quoted as RFC 4180 says, or with a backslash before a quotation mark inside, and may hold line
//! breaks. Between tabs a quotation mark is a character like any other, so that a caption which begins
//! with one does not swallow the rows after it; a cell wholly within quotation marks is taken out of
//! them. It may hold tabs and line breaks where its row has as many cells as the header only if it does.
//!
//! Columns of metadata are typed: see [`CellType`](crate::column_types::CellType). Empty cells and
//! `\N`, the null of MySQL and PostgreSQL, are left out, and so are columns without a name, such as
//! the index that pandas writes.

mod cell;
mod dialect;
mod header;
mod quotes;
mod requoted;
mod rows;
mod tabs;

use std::path::Path;

use self::dialect::Dialect;
pub(crate) use self::dialect::is_list;
use self::header::Header;
use self::rows::{RawRow, Rows};
use crate::column_types::ColumnTypes;
use crate::columns::Columns;
use crate::row::Take;
use crate::text_stream::TextStream;
use crate::{ProblemReason, Result};

/// Hands the rows of the table at `path` to `take`; gives what its columns of metadata hold.
pub(crate) fn read(path: &Path, columns: &Columns, take: &mut Take<'_>) -> Result<ColumnTypes> {
    let mut text = TextStream::open(path)?;
    let dialect = Dialect::of(&mut text, columns)?;
    let mut rows = Rows::new(text, dialect);
    let mut next = RawRow::default();
    let mut is_there = rows.read(&mut next)?;
    let mut header = Header::new(path, columns, &next.cells, dialect)?;
    if !header.is_a_row() {
        is_there = rows.read(&mut next)?;
    }
    let mut row = RawRow::default();
    while is_there {
        std::mem::swap(&mut row, &mut next);
        // Whether a row is the last is known when there is no other.
        is_there = rows.read(&mut next)?;
        if row.is_blank() || header.is_repeated_by(&row.cells) {
            continue;
        }
        let line = rows.line(&row.cells);
        let read = match row.fault.take() {
            Some(fault) => Err(fault),
            None if !is_there && rows.is_open() => Err(ProblemReason::OpenQuote),
            None => header.row(&row.cells),
        };
        if take(line, read).is_break() {
            break;
        }
    }
    Ok(header.into_types())
}
