use chrono::DateTime;
use parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type as PhysicalType};
use parquet::schema::types::ColumnDescriptor;
use serde_json::{Number, Value};

/// The meaning of a column's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Text,
    /// Bytes that may be text.
    Bytes,
    Boolean,
    Integer,
    Unsigned,
    Float,
    /// An integer to divide by ten to this power.
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

impl Content {
    /// The meaning by the column's type; `None` if it's unsupported.
    pub(super) fn of(descriptor: &ColumnDescriptor) -> Option<Self> {
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

    /// A decimal whose digits are a big-endian integer of up to 16 bytes.
    pub(super) fn decimal(self, bytes: &[u8]) -> Value {
        let (Self::Decimal(scale), 1..=16) = (self, bytes.len()) else {
            return Value::Null;
        };
        let sign = if bytes[0] < 0x80 { 0 } else { -1 };
        let digits = bytes
            .iter()
            .fold(sign, |digits, &byte| (digits << 8) | i128::from(byte));
        (digits as f64 / 10_f64.powi(scale)).into()
    }

    /// The value of an integer.
    pub(super) fn integer(self, value: i64) -> Value {
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

/// The shortest decimal that reads as this float: 0.1, not 0.10000000149011612.
pub(super) fn float(value: f32) -> Value {
    value
        .to_string()
        .parse()
        .ok()
        .and_then(Number::from_f64)
        .into()
}
