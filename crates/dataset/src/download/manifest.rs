use std::collections::BTreeMap;
use std::io::{BufWriter, IntoInnerError, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use serde::Serialize;

use super::outcome::Outcome;
use super::reason::Reason;
use crate::embedding_table::{write_column, write_error};
use crate::unfinished::Unfinished;
use crate::{Error, Result};

const SCHEMA: &str = "
    message manifest {
        required binary url (STRING);
        optional binary caption (STRING);
        required boolean is_valid;
        optional int32 status (INTEGER(16, false));
        optional binary reason (STRING);
        optional int64 bytes (INTEGER(64, false));
        optional int32 width (INTEGER(32, false));
        optional int32 height (INTEGER(32, false));
        optional binary sha256 (STRING);
        optional binary file (STRING);
        optional int64 time (TIMESTAMP(MILLIS, true));
    }";

const ROWS_PER_GROUP: usize = 1 << 16;

/// The outcomes of the rows of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ManifestReport {
    /// The number of rows in the manifest.
    pub rows: u64,
    /// The number of rows with a picture.
    pub valid: u64,
    /// The number of rows without, by reason.
    pub invalid: BTreeMap<Reason, u64>,
}

/// A row of a list, with its outcome.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ManifestRow<'a> {
    pub(super) url: &'a str,
    pub(super) caption: Option<&'a str>,
    pub(super) is_valid: bool,
    pub(super) status: Option<u16>,
    pub(super) reason: Option<&'static str>,
    pub(super) bytes: Option<u64>,
    pub(super) width: Option<u32>,
    pub(super) height: Option<u32>,
    pub(super) sha256: Option<String>,
    pub(super) file: Option<&'a str>,
    /// Milliseconds since 1970.
    pub(super) time: Option<i64>,
}

impl<'a> ManifestRow<'a> {
    pub(super) fn new(url: &'a str, caption: Option<&'a str>, outcome: &'a Outcome) -> Self {
        let picture = outcome.result.as_ref().ok();
        Self {
            url,
            caption,
            is_valid: picture.is_some(),
            status: outcome.status,
            reason: outcome.result.as_ref().err().map(|reason| reason.words()),
            bytes: picture.map(|it| it.bytes),
            width: picture.map(|it| it.width),
            height: picture.map(|it| it.height),
            sha256: picture.map(|it| it.sha256.to_string()),
            file: picture.and_then(|it| Some(it.file.as_ref()?.path.as_str())),
            time: Some(milliseconds(outcome.time)),
        }
    }
}

fn milliseconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Writes the manifest in its formats to temporary files that are renamed at the end.
pub(super) struct ManifestWriter {
    table: SerializedFileWriter<BufWriter<Unfinished>>,
    lines: Option<BufWriter<Unfinished>>,
    group: Group,
}

impl ManifestWriter {
    /// Starts `PATH.parquet` and, if `with_lines`, `PATH.jsonl`.
    pub(super) fn create(path: &Path, with_lines: bool) -> Result<Self> {
        let table = path.with_extension("parquet");
        let file = Unfinished::create(&table)?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .build();
        let table = parse_message_type(SCHEMA)
            .and_then(|schema| {
                SerializedFileWriter::new(BufWriter::new(file), Arc::new(schema), properties.into())
            })
            .map_err(|source| write_error(&table, source))?;
        let lines = if with_lines {
            Some(BufWriter::new(Unfinished::create(
                &path.with_extension("jsonl"),
            )?))
        } else {
            None
        };
        Ok(Self {
            table,
            lines,
            group: Group::default(),
        })
    }

    pub(super) fn write(&mut self, row: &ManifestRow<'_>) -> Result<()> {
        if let Some(lines) = &mut self.lines {
            let line = serde_json::to_writer(&mut *lines, row);
            let written = line
                .map_err(Into::into)
                .and_then(|()| lines.write_all(b"\n"));
            written.map_err(Error::write(lines.get_ref().path()))?;
        }
        self.group.add(row);
        if self.group.urls.len() >= ROWS_PER_GROUP {
            self.write_group()
        } else {
            Ok(())
        }
    }

    pub(super) fn finish(mut self) -> Result<()> {
        self.write_group()?;
        let path = self.table.inner().get_ref().path().to_owned();
        let table = self.table.into_inner();
        finish(table.map_err(|source| write_error(&path, source))?)?;
        self.lines.map_or(Ok(()), finish)
    }

    fn write_group(&mut self) -> Result<()> {
        let group = std::mem::take(&mut self.group);
        if group.urls.is_empty() {
            return Ok(());
        }
        let path = self.table.inner().get_ref().path().to_owned();
        let written = self.table.next_row_group();
        let written = written.and_then(|writer| group.write(writer));
        written.map_err(|source| write_error(&path, source))
    }
}

fn finish(file: BufWriter<Unfinished>) -> Result<()> {
    let path = file.get_ref().path().to_owned();
    let file = file.into_inner().map_err(IntoInnerError::into_error);
    file.map_err(Error::write(&path))?.finish()
}

/// The rows of a row group, by column.
#[derive(Default)]
struct Group {
    urls: Vec<ByteArray>,
    captions: Optional<ByteArray>,
    valid: Vec<bool>,
    statuses: Optional<i32>,
    reasons: Optional<ByteArray>,
    bytes: Optional<i64>,
    widths: Optional<i32>,
    heights: Optional<i32>,
    hashes: Optional<ByteArray>,
    files: Optional<ByteArray>,
    times: Optional<i64>,
}

impl Group {
    fn add(&mut self, row: &ManifestRow<'_>) {
        self.urls.push(row.url.into());
        self.captions.add(row.caption.map(ByteArray::from));
        self.valid.push(row.is_valid);
        self.statuses.add(row.status.map(i32::from));
        self.reasons.add(row.reason.map(ByteArray::from));
        self.bytes.add(row.bytes.map(u64::cast_signed));
        self.widths.add(row.width.map(u32::cast_signed));
        self.heights.add(row.height.map(u32::cast_signed));
        self.hashes.add(row.sha256.as_deref().map(ByteArray::from));
        self.files.add(row.file.map(ByteArray::from));
        self.times.add(row.time);
    }

    fn write<W: Write + Send>(
        &self,
        mut writer: SerializedRowGroupWriter<'_, W>,
    ) -> Result<(), ParquetError> {
        self.write_columns(&mut writer)?;
        writer.close().map(drop)
    }

    fn write_columns<W: Write + Send>(
        &self,
        writer: &mut SerializedRowGroupWriter<'_, W>,
    ) -> Result<(), ParquetError> {
        write_column::<ByteArrayType, _>(writer, &self.urls, None, None)?;
        self.captions.write::<ByteArrayType, _>(writer)?;
        write_column::<BoolType, _>(writer, &self.valid, None, None)?;
        self.statuses.write::<Int32Type, _>(writer)?;
        self.reasons.write::<ByteArrayType, _>(writer)?;
        self.bytes.write::<Int64Type, _>(writer)?;
        self.widths.write::<Int32Type, _>(writer)?;
        self.heights.write::<Int32Type, _>(writer)?;
        self.hashes.write::<ByteArrayType, _>(writer)?;
        self.files.write::<ByteArrayType, _>(writer)?;
        self.times.write::<Int64Type, _>(writer)
    }
}

/// A nullable column.
struct Optional<T> {
    values: Vec<T>,
    definitions: Vec<i16>,
}

impl<T> Default for Optional<T> {
    fn default() -> Self {
        Self {
            values: Vec::new(),
            definitions: Vec::new(),
        }
    }
}

impl<T> Optional<T> {
    fn add(&mut self, value: Option<T>) {
        self.definitions.push(i16::from(value.is_some()));
        self.values.extend(value);
    }

    fn write<D: DataType<T = T>, W: Write + Send>(
        &self,
        writer: &mut SerializedRowGroupWriter<'_, W>,
    ) -> Result<(), ParquetError> {
        write_column::<D, _>(writer, &self.values, Some(&self.definitions), None)
    }
}
