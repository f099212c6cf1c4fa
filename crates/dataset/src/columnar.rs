//! Reads Parquet tables.
//!
//! Reads columns of strings, numbers, booleans, dates, times and lists of strings. Other columns (bytes,
//! structures, lists of numbers such as vectors) aren't decoded. Pictures within the table are decoded only
//! if requested. The path, the caption and the id may be bytes without the annotation that they are text,
//! which old writers omit. Dates and times become ISO 8601 text, decimals become numbers. Nulls, empty
//! strings and non-finite numbers are left out.

use std::fs::File;
use std::io;
use std::ops::{ControlFlow, Range};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, FileReader, RowGroupReader};
use parquet::file::serialized_reader::SerializedFileReader;
use parquet::schema::types::SchemaDescriptor;

use crate::columns::{Columns, Role, Roles};
use crate::hub_table::HubTable;
use crate::row::{Row, Take};
use crate::slice::Cursor;
use crate::text_stream::{self, Compression};
use crate::{Error, ProblemReason, Result, value};
use column::{Cell, Column};
use content::Content;
use local_file::LocalFile;

mod checked_pages;
mod column;
mod content;
mod local_file;

/// Rows decoded at a time.
const BATCH: usize = 1024;
/// Pictures decoded at a time, as they may be large.
const PICTURES: usize = 16;

/// The parts of a table to read.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) columns: &'a Columns,
    /// Whether to read the pictures within the table too.
    pub(crate) pictures: bool,
}

/// Calls `take` with the rows of the table at `path` that `cursor` selects.
pub(crate) fn read(
    path: &Path,
    wanted: Wanted<'_>,
    cursor: &mut Cursor,
    take: &mut Take<'_>,
) -> Result<()> {
    let file = open(path).map_err(Error::read(path))?;
    read_from(file, &|_| Ok(()), path, wanted, (&mut 1, cursor), take)
}

/// Calls `take` with the rows of a table on the Hub that `cursor` selects.
pub(crate) fn read_hub(
    table: &HubTable,
    wanted: Wanted<'_>,
    cursor: &mut Cursor,
    take: &mut Take<'_>,
) -> Result<()> {
    let mut line = 1;
    for file in table.files() {
        if cursor.is_done() {
            break;
        }
        let load = |ranges| file.load(ranges);
        let at = (&mut line, &mut *cursor);
        read_from(file.clone(), &load, table.title.as_ref(), wanted, at, take)?;
    }
    Ok(())
}

/// The number of rows of the table at `path`.
pub(crate) fn count(path: &Path) -> Result<u64> {
    let file = open(path).map_err(Error::read(path))?;
    guarded(path, || count_in(file, path))
}

/// The number of rows of a table on the Hub.
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

/// Reads the rows of a file. `load` fetches the needed parts of a row group.
fn read_from<R: ChunkReader + 'static>(
    file: R,
    load: &dyn Fn(Vec<Range<u64>>) -> Result<(), ParquetError>,
    path: &Path,
    wanted: Wanted<'_>,
    (line, cursor): (&mut u64, &mut Cursor),
    take: &mut Take<'_>,
) -> Result<()> {
    guarded(path, || {
        let file = SerializedFileReader::new(file).map_err(|source| damaged(path, source))?;
        let table = Table::new(path, wanted, file.metadata().file_metadata().schema_descr())?;
        for index in 0..file.num_row_groups() {
            let group = file.metadata().row_group(index);
            let count = u64::try_from(group.num_rows()).unwrap_or_default();
            if cursor.skip(count) {
                *line += count;
                continue;
            }
            let ranges = table.all_columns().map(|column| {
                let (start, length) = group.column(column.leaf).byte_range();
                start..start.saturating_add(length)
            });
            let flow = load(ranges.collect())
                .and_then(|()| file.get_row_group(index))
                .and_then(|group| table.read_group(group.as_ref(), line, cursor, take))
                .map_err(|source| damaged(path, source))?;
            if flow.is_break() {
                break;
            }
        }
        Ok(())
    })
}

/// Reads a file, and turns a panic of the library into an error. It usually reports a damaged file as an
/// error itself.
fn guarded<T>(path: &Path, reading: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(reading)).unwrap_or_else(|_| {
        Err(damaged(
            path,
            ParquetError::General("decoder panicked".to_owned()),
        ))
    })
}

/// Opens the file. If its name says that it's compressed, decompresses it into an unnamed file, as Parquet is
/// read from the end.
fn open(path: &Path) -> io::Result<LocalFile> {
    if Compression::of(path).is_none() {
        return File::open(path).map(LocalFile);
    }
    let mut file = tempfile::tempfile()?;
    io::copy(&mut text_stream::decompressed(path)?, &mut file)?;
    Ok(LocalFile(file))
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

/// The columns to read, and their types.
struct Table {
    columns: Vec<Column>,
    roles: Roles,
    inside: Inside,
    /// The names of the columns that aren't read.
    left_out: Vec<String>,
}

/// Whether the pictures are in the table.
enum Inside {
    No,
    /// They are, but aren't requested.
    Unread,
    Read(Column),
}

impl Table {
    fn new(path: &Path, wanted: Wanted<'_>, schema: &SchemaDescriptor) -> Result<Self> {
        let mut columns: Vec<Column> = (0..schema.num_columns())
            .filter_map(|leaf| Column::new(schema, leaf))
            .collect();
        let fields = schema.root_schema().get_fields();
        let all_names: Vec<String> = fields.iter().map(|field| field.name().to_owned()).collect();
        let pictures: Vec<Column> = (0..schema.num_columns())
            .filter_map(|leaf| Column::of_pictures(schema, leaf))
            .collect();
        let names = pictures.iter().map(|column| column.name.as_str());
        let inside = Role::Path.find(wanted.columns, names);
        let inside = inside.and_then(|index| pictures.into_iter().nth(index));

        let roles = Roles::try_find(|role| {
            if role == Role::Path && inside.is_some() {
                return Ok(None);
            }
            let fits: Vec<&Column> = columns.iter().filter(|column| column.fits(role)).collect();
            match role.find(
                wanted.columns,
                fits.iter().map(|column| column.name.as_str()),
            ) {
                Some(index) => Ok(Some(fits[index].leaf)),
                None => role.missing(wanted.columns, path, &all_names),
            }
        })?;
        columns.retain(|column| column.content != Content::Bytes || roles.has(column.leaf));
        let roles = roles.map(|leaf| columns.iter().position(|column| column.leaf == leaf));
        let is_read = |name: &String| {
            let mut read = columns.iter().chain(&inside);
            read.any(|column| column.name == *name)
        };
        let left_out = all_names.into_iter().filter(|it| !is_read(it)).collect();
        let inside = match (inside, wanted.pictures) {
            (None, _) => Inside::No,
            (Some(_), false) => Inside::Unread,
            (Some(column), true) => Inside::Read(column),
        };
        Ok(Self {
            columns,
            roles,
            inside,
            left_out,
        })
    }

    fn all_columns(&self) -> impl Iterator<Item = &Column> {
        let inside = match &self.inside {
            Inside::Read(column) => Some(column),
            Inside::No | Inside::Unread => None,
        };
        self.columns.iter().chain(inside)
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
        let mut pictures = match &self.inside {
            Inside::Read(column) => Some((column, column.open(group)?)),
            Inside::No | Inside::Unread => None,
        };
        let at_once = if pictures.is_some() { PICTURES } else { BATCH };
        let mut left = usize::try_from(group.metadata().num_rows())?;
        loop {
            let mut batch = Vec::with_capacity(readers.len());
            for (column, reader) in self.columns.iter().zip(&mut readers) {
                batch.push(column.read(reader, at_once)?.into_iter());
            }
            let read = match &mut pictures {
                Some((column, reader)) => Some(column.read_pictures(reader, at_once)?),
                None => None,
            };
            let first = batch.first().map(ExactSizeIterator::len);
            let rows = first
                .or(read.as_ref().map(Vec::len))
                .unwrap_or(left.min(at_once));
            left = left.saturating_sub(rows);
            let mut lengths = batch.iter().map(ExactSizeIterator::len);
            if lengths.any(|length| length != rows)
                || read.as_ref().is_some_and(|it| it.len() != rows)
            {
                return Err(ParquetError::General(
                    "columns of unequal length".to_owned(),
                ));
            }
            if rows == 0 {
                return Ok(ControlFlow::Continue(()));
            }
            let mut read = read.map(Vec::into_iter);
            for _ in 0..rows {
                let cells = batch.iter_mut().filter_map(Iterator::next);
                let mut row = self.row(cells);
                let bytes = read.as_mut().and_then(|pictures| pictures.next().flatten());
                if let (Ok(row), false) = (&mut row, matches!(self.inside, Inside::No)) {
                    row.inside = Some(crate::row::Inside { bytes });
                }
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
        let mut row = Row {
            left_out: self.left_out.clone(),
            ..Row::default()
        };
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
