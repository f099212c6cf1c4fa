//! Parquet.
//!
//! Columns of strings, numbers, booleans, dates, times and lists of strings are read; the others
//! (bytes, structures, lists of numbers, such as the pictures and vectors that data sets carry)
//! are not even decoded. Only the path, the caption and the id may be bytes without the mark that
//! they are text, which old writers leave out. Dates and times become text as in ISO 8601, decimals
//! numbers; nulls, empty strings and numbers that are not finite are left out.

use std::fs::File;
use std::io;
use std::ops::{ControlFlow, Range};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, FileReader, RowGroupReader};
use parquet::file::serialized_reader::SerializedFileReader;
use parquet::schema::types::SchemaDescriptor;

use crate::columns::{Columns, Roles};
use crate::hub_table::HubTable;
use crate::row::{Row, Take};
use crate::slice::Cursor;
use crate::text_stream::{self, Compression};
use crate::{Error, ProblemReason, Result, value};
use column::{Cell, Column};
use content::Content;

mod checked_pages;
mod column;
mod content;

/// Rows decoded at once.
const BATCH: usize = 1024;

/// Hands the rows of the table at `path` that `cursor` wants to `take`.
pub(crate) fn read(
    path: &Path,
    columns: &Columns,
    cursor: &mut Cursor,
    take: &mut Take<'_>,
) -> Result<()> {
    let file = open(path).map_err(Error::read(path))?;
    read_from(file, &|_| Ok(()), path, columns, cursor, take)
}

/// The same of a table of the hub.
pub(crate) fn read_hub(
    table: &HubTable,
    columns: &Columns,
    cursor: &mut Cursor,
    take: &mut Take<'_>,
) -> Result<()> {
    for file in table.files() {
        if cursor.is_done() {
            break;
        }
        let load = |ranges| file.load(ranges);
        read_from(
            file.clone(),
            &load,
            table.title.as_ref(),
            columns,
            cursor,
            take,
        )?;
    }
    Ok(())
}

/// How many rows the table at `path` has.
pub(crate) fn count(path: &Path) -> Result<u64> {
    let file = open(path).map_err(Error::read(path))?;
    guarded(path, || count_in(file, path))
}

/// The same of a table of the hub.
pub(crate) fn count_hub(table: &HubTable) -> Result<u64> {
    let path = table.title.as_ref();
    table
        .files()
        .map(|file| guarded(path, || count_in(file, path)))
        .sum()
}

fn count_in(file: impl ChunkReader + 'static, path: &Path) -> Result<u64> {
    let file = SerializedFileReader::new(file).map_err(|source| damaged(path, source))?;
    Ok(file
        .metadata()
        .file_metadata()
        .num_rows()
        .try_into()
        .unwrap_or_default())
}

/// Hands the rows of a file on. `load` brings what is needed of a group of rows.
fn read_from<R: ChunkReader + 'static>(
    file: R,
    load: &dyn Fn(Vec<Range<u64>>) -> Result<(), ParquetError>,
    path: &Path,
    columns: &Columns,
    cursor: &mut Cursor,
    take: &mut Take<'_>,
) -> Result<()> {
    guarded(path, || {
        let file = SerializedFileReader::new(file).map_err(|source| damaged(path, source))?;
        let table = Table::new(
            path,
            columns,
            file.metadata().file_metadata().schema_descr(),
        )?;
        let mut line = 1;
        for index in 0..file.num_row_groups() {
            let group = file.metadata().row_group(index);
            let count = u64::try_from(group.num_rows()).unwrap_or_default();
            if cursor.skip(count) {
                line += count;
                continue;
            }
            let ranges = table.columns.iter().map(|column| {
                let (start, length) = group.column(column.leaf).byte_range();
                start..start.saturating_add(length)
            });
            let flow = load(ranges.collect())
                .and_then(|()| file.get_row_group(index))
                .and_then(|group| table.read_group(group.as_ref(), &mut line, cursor, take))
                .map_err(|source| damaged(path, source))?;
            if flow.is_break() {
                break;
            }
        }
        Ok(())
    })
}

/// What comes of reading a file: the library means to answer a damaged one with an error, and mostly
/// does.
fn guarded<T>(path: &Path, reading: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(reading)).unwrap_or_else(|_| {
        Err(damaged(
            path,
            ParquetError::General("decoder panicked".to_owned()),
        ))
    })
}

/// The file, decompressed into one without a name if its own says that it is compressed as a whole:
/// Parquet is read from its end.
fn open(path: &Path) -> io::Result<File> {
    if Compression::of(path).is_none() {
        return File::open(path);
    }
    let mut file = tempfile::tempfile()?;
    io::copy(&mut text_stream::decompressed(path)?, &mut file)?;
    Ok(file)
}

fn damaged(path: &Path, source: ParquetError) -> Error {
    let source = match source {
        ParquetError::External(error) => match error.downcast::<hub::Error>() {
            Ok(error) => return Error::Hub(*error),
            Err(error) => ParquetError::External(error),
        },
        source => source,
    };
    Error::Parquet {
        path: path.to_owned(),
        source,
    }
}

/// The columns to be read, and what they are.
struct Table {
    columns: Vec<Column>,
    roles: Roles,
}

impl Table {
    fn new(path: &Path, wanted: &Columns, schema: &SchemaDescriptor) -> Result<Self> {
        let mut columns: Vec<Column> = (0..schema.num_columns())
            .filter_map(|leaf| Column::new(schema, leaf))
            .collect();
        let fields = schema.root_schema().get_fields();
        let all_names: Vec<String> = fields.iter().map(|field| field.name().to_owned()).collect();

        let roles = Roles::try_find(|role| {
            let fits: Vec<&Column> = columns.iter().filter(|column| column.fits(role)).collect();
            match role.find(wanted, fits.iter().map(|column| column.name.as_str())) {
                Some(index) => Ok(Some(fits[index].leaf)),
                None => role.missing(wanted, path, &all_names),
            }
        })?;
        columns.retain(|column| column.content != Content::Bytes || roles.has(column.leaf));
        let roles = roles.map(|leaf| columns.iter().position(|column| column.leaf == leaf));
        Ok(Self { columns, roles })
    }

    fn read_group(
        &self,
        group: &dyn RowGroupReader,
        line: &mut u64,
        cursor: &mut Cursor,
        take: &mut Take<'_>,
    ) -> Result<ControlFlow<()>, ParquetError> {
        let mut readers = self
            .columns
            .iter()
            .map(|column| column.open(group))
            .collect::<Result<Vec<_>, _>>()?;
        loop {
            let mut batch = Vec::with_capacity(readers.len());
            for (column, reader) in self.columns.iter().zip(&mut readers) {
                batch.push(column.read(reader, BATCH)?.into_iter());
            }
            let rows = batch.first().map_or(0, ExactSizeIterator::len);
            if batch.iter().any(|cells| cells.len() != rows) {
                return Err(ParquetError::General(
                    "columns of unequal length".to_owned(),
                ));
            }
            if rows == 0 {
                return Ok(ControlFlow::Continue(()));
            }
            for _ in 0..rows {
                let cells = batch.iter_mut().filter_map(Iterator::next);
                let row = self.row(cells);
                let flow = match cursor.take() {
                    ControlFlow::Continue(true) => take(*line, row),
                    ControlFlow::Continue(false) => ControlFlow::Continue(()),
                    ControlFlow::Break(()) => ControlFlow::Break(()),
                };
                if flow.is_break() {
                    return Ok(flow);
                }
                *line += 1;
            }
        }
    }

    fn row(&self, cells: impl Iterator<Item = Cell>) -> Result<Row, ProblemReason> {
        let mut row = Row::default();
        for (index, (cell, column)) in cells.zip(&self.columns).enumerate() {
            let value = cell.map_err(|_| ProblemReason::CellNotUtf8 {
                column: column.name.clone(),
            })?;
            if self.roles.has(index) {
                row.set(&self.roles, index, value);
            } else if let Some(value) = value::for_metadata(value) {
                row.metadata.insert(column.name.clone(), value);
            }
        }
        Ok(row)
    }
}
