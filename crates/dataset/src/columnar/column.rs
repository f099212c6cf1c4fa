use std::str::Utf8Error;

use chrono::DateTime;
use parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type as PhysicalType};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, DataType};
use parquet::errors::ParquetError;
use parquet::schema::types::{ColumnDescriptor, SchemaDescriptor};
use serde_json::{Number, Value};

use crate::columns::Role;

/// A value; a null is [`Value::Null`].
pub(super) type Cell = Result<Value, Utf8Error>;

/// A column that can be read.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: String,
    /// Its place among the file's columns of values.
    pub(super) leaf: usize,
    pub(super) content: Content,
    is_list: bool,
    /// The definition level at which a value is not null.
    present: i16,
}

/// What the values of a column mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Text,
    /// Bytes that may be text.
    Bytes,
    Boolean,
    Integer,
    Unsigned,
    Float,
    /// An integer to be divided by ten to this power.
    Decimal(i32),
    Date,
    Timestamp(Unit, Zone),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Milliseconds,
    Microseconds,
    Nanoseconds,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Zone {
    Utc,
    Local,
}

impl Column {
    /// The column of values number `leaf`, if it is one of scalars or of a list of strings.
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

    /// Whether the column's values can be what the role needs.
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

    /// The next `rows` cells, fewer at the end of the group.
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
        let cells = values.iter().map(convert);
        Ok(if self.is_list {
            lists(self.present, &definitions, &repetitions, cells)
        } else if self.present == 0 {
            cells.collect()
        } else {
            let mut cells = cells;
            let cell = |&level| match level == self.present {
                true => cells.next().unwrap_or(Ok(Value::Null)),
                false => Ok(Value::Null),
            };
            definitions.iter().map(cell).collect()
        })
    }
}

/// Puts values together into a list a row: one begins where the repetition level is zero.
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

impl Content {
    fn of(descriptor: &ColumnDescriptor) -> Option<Self> {
        use ConvertedType as Converted;
        let (converted, logical) = (descriptor.converted_type(), descriptor.logical_type_ref());
        match (descriptor.physical_type(), logical, converted) {
            (PhysicalType::BOOLEAN, ..) => Some(Self::Boolean),
            (PhysicalType::FLOAT | PhysicalType::DOUBLE, ..) => Some(Self::Float),
            (PhysicalType::INT96, ..) => Some(Self::Timestamp(Unit::Microseconds, Zone::Local)),
            (PhysicalType::INT64, Some(LogicalType::Timestamp(stamp)), _) => {
                let unit = match stamp.unit {
                    TimeUnit::MILLIS => Unit::Milliseconds,
                    TimeUnit::MICROS => Unit::Microseconds,
                    TimeUnit::NANOS => Unit::Nanoseconds,
                };
                let zone = if stamp.is_adjusted_to_u_t_c {
                    Zone::Utc
                } else {
                    Zone::Local
                };
                Some(Self::Timestamp(unit, zone))
            }
            (PhysicalType::INT64, _, Converted::TIMESTAMP_MILLIS) => {
                Some(Self::Timestamp(Unit::Milliseconds, Zone::Utc))
            }
            (PhysicalType::INT64, _, Converted::TIMESTAMP_MICROS) => {
                Some(Self::Timestamp(Unit::Microseconds, Zone::Utc))
            }
            (PhysicalType::INT32 | PhysicalType::INT64, _, converted) => match converted {
                Converted::DATE => Some(Self::Date),
                Converted::DECIMAL => Some(Self::Decimal(descriptor.type_scale())),
                Converted::UINT_8
                | Converted::UINT_16
                | Converted::UINT_32
                | Converted::UINT_64 => Some(Self::Unsigned),
                Converted::NONE if logical.is_some() => None,
                Converted::NONE
                | Converted::INT_8
                | Converted::INT_16
                | Converted::INT_32
                | Converted::INT_64 => Some(Self::Integer),
                _ => None,
            },
            (PhysicalType::BYTE_ARRAY, _, Converted::UTF8 | Converted::ENUM | Converted::JSON) => {
                Some(Self::Text)
            }
            (PhysicalType::FIXED_LEN_BYTE_ARRAY, _, Converted::DECIMAL) => {
                Some(Self::Decimal(descriptor.type_scale()))
            }
            (PhysicalType::BYTE_ARRAY, None, Converted::NONE) => Some(Self::Bytes),
            _ => None,
        }
    }

    /// A decimal whose digits are an integer of up to 16 bytes, the highest first.
    fn decimal(self, bytes: &[u8]) -> Value {
        let (Self::Decimal(scale), 1..=16) = (self, bytes.len()) else {
            return Value::Null;
        };
        let sign = if bytes[0] < 0x80 { 0 } else { -1 };
        let digits = bytes
            .iter()
            .fold(sign, |digits, &byte| (digits << 8) | i128::from(byte));
        (digits as f64 / 10_f64.powi(scale)).into()
    }

    fn integer(self, value: i64) -> Value {
        match self {
            Self::Unsigned => value.cast_unsigned().into(),
            Self::Decimal(scale) => (value as f64 / 10_f64.powi(scale)).into(),
            Self::Date => {
                let midnight = value.checked_mul(24 * 60 * 60);
                let date = midnight.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
                date.map(|date| date.format("%Y-%m-%d").to_string()).into()
            }
            Self::Timestamp(unit, zone) => {
                let time = match unit {
                    Unit::Milliseconds => DateTime::from_timestamp_millis(value),
                    Unit::Microseconds => DateTime::from_timestamp_micros(value),
                    Unit::Nanoseconds => Some(DateTime::from_timestamp_nanos(value)),
                };
                let format = match zone {
                    Zone::Utc => "%Y-%m-%dT%H:%M:%S%.fZ",
                    Zone::Local => "%Y-%m-%dT%H:%M:%S%.f",
                };
                time.map(|time| time.format(format).to_string()).into()
            }
            _ => value.into(),
        }
    }
}

/// The number that the float is written as: 0.1 stays 0.1, and is not 0.10000000149011612.
fn float(value: f32) -> Value {
    value
        .to_string()
        .parse()
        .ok()
        .and_then(Number::from_f64)
        .into()
}

fn text(bytes: &ByteArray) -> Cell {
    std::str::from_utf8(bytes.data()).map(Value::from)
}
