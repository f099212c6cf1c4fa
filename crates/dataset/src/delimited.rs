//! Reads CSV, TSV and lists of URLs.
//!
//! The delimiter is the one of `,` `;` tab `|` that best fits the first row, or the one of Excel's `sep=;`
//! before it. If none fits, each line is one cell.
//!
//! Cells between commas, semicolons and bars are quoted as in RFC 4180, or with a backslash before a
//! quotation mark inside, and may contain line breaks. In tab-separated text, a quotation mark is an ordinary
//! character, so a caption that begins with one doesn't swallow the rows after it. A cell wholly within
//! quotation marks is unquoted. It may contain tabs and line breaks only if its row then has as many cells as
//! the header.
//!
//! Metadata columns are typed: see [`CellType`](crate::column_types::CellType). Empty cells and `\N`, the
//! null of MySQL and PostgreSQL, are left out. So are columns without a name, such as the index that pandas
//! writes.

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

/// Calls `take` with the rows of the table at `path`. Returns the types of its metadata columns.
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
        // Only the attempt to read another row tells whether this is the last.
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
