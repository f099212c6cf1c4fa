use std::str::Utf8Error;

use parquet::basic::{ConvertedType, Type};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl, get_column_reader};
use parquet::data_type::{ByteArray, DataType};
use parquet::errors::ParquetError;
use parquet::file::reader::RowGroupReader;
use parquet::schema::types::SchemaDescriptor;
use serde_json::Value;

use super::checked_pages::CheckedPages;
use super::content::{Content, float};
use crate::columns::Role;

/// A value; a null is [`Value::Null`].
pub(super) type Cell = Result<Value, Utf8Error>;

/// A readable column.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: String,
    /// Its position among the file's columns of values.
    pub(super) leaf: usize,
    pub(super) content: Content,
    is_list: bool,
    /// The definition level at which a value is not null.
    present: i16,
}

impl Column {
    /// The column of values number `leaf`, if it has scalars or lists of strings.
    pub(super) fn new(schema: &SchemaDescriptor, leaf: usize) -> Option<Self> {
        let descriptor = schema.column(leaf);
        let root = schema.get_column_root(leaf);
        let content = Content::of(&descriptor)?;
        let is_list = descriptor.max_rep_level() > 0;
        let is_read = if is_list {
            let is_list_group = !root.is_primitive()
                && root.get_basic_info().converted_type() == ConvertedType::LIST;
            content == Content::Text
                && descriptor.max_rep_level() == 1
                && descriptor.path().parts().len() <= 3
                && (is_list_group || root.is_primitive())
        } else {
            root.is_primitive()
        };
        is_read.then(|| Self {
            name: root.name().to_owned(),
            leaf,
            content,
            is_list,
            present: descriptor.max_def_level(),
        })
    }

    /// The column of values number `leaf`, if it has pictures as in data sets on the Hub: `bytes` within a
    /// group with a picture column's name.
    pub(super) fn of_pictures(schema: &SchemaDescriptor, leaf: usize) -> Option<Self> {
        let descriptor = schema.column(leaf);
        let is_of_pictures = descriptor.physical_type() == Type::BYTE_ARRAY
            && descriptor.max_rep_level() == 0
            && matches!(descriptor.path().parts(), [_, last] if last == "bytes");
        is_of_pictures.then(|| Self {
            name: schema.get_column_root(leaf).name().to_owned(),
            leaf,
            content: Content::Bytes,
            is_list: false,
            present: descriptor.max_def_level(),
        })
    }

    /// The next `rows` pictures; fewer at the end of the row group.
    pub(super) fn read_pictures(
        &self,
        reader: &mut ColumnReader,
        rows: usize,
    ) -> Result<Vec<Option<Vec<u8>>>, ParquetError> {
        let ColumnReader::ByteArrayColumnReader(reader) = reader else {
            return Err(ParquetError::General("pictures are not bytes".to_owned()));
        };
        let (mut definitions, mut values) = (Vec::new(), Vec::new());
        reader.read_records(rows, Some(&mut definitions), None, &mut values)?;
        let mut values = values.iter().map(|bytes| bytes.data().to_vec());
        if self.present == 0 {
            return Ok(values.map(Some).collect());
        }
        let pictures = definitions.iter().map(|&level| {
            if level == self.present {
                values.next()
            } else {
                None
            }
        });
        Ok(pictures.collect())
    }

    /// Whether the column's values are suitable for the role.
    pub(super) fn fits(&self, role: Role) -> bool {
        let is_text = matches!(self.content, Content::Text | Content::Bytes);
        match role {
            Role::Path => is_text && !self.is_list,
            Role::Caption => is_text,
            Role::Id => {
                !self.is_list
                    && (is_text || matches!(self.content, Content::Integer | Content::Unsigned))
            }
        }
    }

    /// Starts reading the column in a row group.
    pub(super) fn open(&self, group: &dyn RowGroupReader) -> Result<ColumnReader, ParquetError> {
        let pages = group.get_column_page_reader(self.leaf)?;
        let descriptor = group.metadata().schema_descr().column(self.leaf);
        let (kind, length) = (descriptor.physical_type(), descriptor.type_length());
        let pages = CheckedPages::new(pages, kind, length);
        Ok(get_column_reader(descriptor, Box::new(pages)))
    }

    /// The next `rows` cells; fewer at the end of the row group.
    pub(super) fn read(
        &self,
        reader: &mut ColumnReader,
        rows: usize,
    ) -> Result<Vec<Cell>, ParquetError> {
        let integer = |value: i64| Ok(self.content.integer(value));
        match reader {
            ColumnReader::BoolColumnReader(reader) => {
                self.read_typed(reader, rows, |&value| Ok(Value::Bool(value)))
            }
            ColumnReader::Int32ColumnReader(reader) => match self.content {
                Content::Unsigned => {
                    self.read_typed(reader, rows, |value| Ok(value.cast_unsigned().into()))
                }
                _ => self.read_typed(reader, rows, |&value| integer(value.into())),
            },
            ColumnReader::Int64ColumnReader(reader) => {
                self.read_typed(reader, rows, |&value| integer(value))
            }
            ColumnReader::Int96ColumnReader(reader) => {
                self.read_typed(reader, rows, |value| integer(value.to_micros()))
            }
            ColumnReader::FloatColumnReader(reader) => {
                self.read_typed(reader, rows, |&value| Ok(float(value)))
            }
            ColumnReader::DoubleColumnReader(reader) => {
                self.read_typed(reader, rows, |&value| Ok(value.into()))
            }
            ColumnReader::ByteArrayColumnReader(reader) => self.read_typed(reader, rows, text),
            ColumnReader::FixedLenByteArrayColumnReader(reader) => {
                self.read_typed(reader, rows, |value| Ok(self.content.decimal(value.data())))
            }
        }
    }

    fn read_typed<T: DataType>(
        &self,
        reader: &mut ColumnReaderImpl<T>,
        rows: usize,
        convert: impl Fn(&T::T) -> Cell,
    ) -> Result<Vec<Cell>, ParquetError> {
        let (mut definitions, mut repetitions, mut values) = (Vec::new(), Vec::new(), Vec::new());
        reader.read_records(
            rows,
            Some(&mut definitions),
            Some(&mut repetitions),
            &mut values,
        )?;
        let mut cells = values.iter().map(convert);
        if self.is_list {
            return Ok(lists(self.present, &definitions, &repetitions, cells));
        }
        if self.present == 0 {
            return Ok(cells.collect());
        }
        let nullable = definitions.iter().map(|&level| {
            let cell = (level == self.present).then(|| cells.next()).flatten();
            cell.unwrap_or(Ok(Value::Null))
        });
        Ok(nullable.collect())
    }
}

/// Groups values into one list per row: a list begins where the repetition level is zero.
fn lists(
    present: i16,
    definitions: &[i16],
    repetitions: &[i16],
    mut cells: impl Iterator<Item = Cell>,
) -> Vec<Cell> {
    let mut lists: Vec<Cell> = Vec::new();
    for (&definition, &repetition) in definitions.iter().zip(repetitions) {
        if repetition == 0 {
            lists.push(Ok(Value::Array(Vec::new())));
        }
        let cell = if definition == present {
            cells.next()
        } else {
            None
        };
        match (cell, lists.last_mut()) {
            (Some(Ok(value)), Some(Ok(Value::Array(list)))) => list.push(value),
            (Some(Err(error)), Some(list)) => *list = Err(error),
            _ => {}
        }
    }
    lists
}

fn text(bytes: &ByteArray) -> Cell {
    std::str::from_utf8(bytes.data()).map(Value::from)
}
