use std::io::{self, BufWriter, IntoInnerError};
use std::path::Path;
use std::sync::Arc;

use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, FloatType};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

use crate::unfinished::Unfinished;
use crate::{Error, Result};

/// Lists in the three-level form of the format's specification, which every reader understands
/// (<https://github.com/apache/parquet-format/blob/master/LogicalTypes.md#lists>).
const SCHEMA: &str = "
    message embeddings {
        required binary id (STRING);
        required binary image (STRING);
        required binary caption (STRING);
        required group image_embedding (LIST) {
            repeated group list { required float element; }
        }
        optional group text_embedding (LIST) {
            repeated group list { required float element; }
        }
    }";

/// Numbers in a row group, 16 MiB: the amount that a reader must hold at once, too.
const NUMBERS_PER_GROUP: usize = 4 << 20;
const ROWS_PER_GROUP: usize = 1 << 16;

/// One row of an [`EmbeddingTable`]: a picture with one of its captions.
#[derive(Clone, Copy, Debug)]
pub struct EmbeddingRow<'a> {
    /// The picture's id.
    pub id: &'a str,
    /// The picture's location.
    pub image: &'a str,
    /// The caption, or an empty text.
    pub caption: &'a str,
    /// The picture's vector.
    pub image_embedding: &'a [f32],
    /// The caption's vector.
    pub text_embedding: Option<&'a [f32]>,
}

/// Embeddings as a Parquet table: `id`, `image`, `caption` (strings), `image_embedding` and `text_embedding`
/// (lists of float32; the latter may be null).
///
/// Written in row groups to a temporary file that [`finish`](Self::finish) renames. If dropped before, it
/// leaves nothing behind.
#[derive(Debug)]
pub struct EmbeddingTable {
    writer: SerializedFileWriter<BufWriter<Unfinished>>,
    dimension: Option<usize>,
    group: Group,
}

impl EmbeddingTable {
    /// Starts a table that will replace any file at `path`.
    ///
    /// # Errors
    /// [`Error::Write`] if the folder isn't writable.
    pub fn create(path: &Path) -> Result<Self> {
        let file = Unfinished::create(path)?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            // Numbers rarely repeat. The rows of one picture do, which zstd exploits.
            .set_dictionary_enabled(false)
            .set_statistics_enabled(EnabledStatistics::None)
            .build();
        let writer = parse_message_type(SCHEMA)
            .and_then(|schema| {
                SerializedFileWriter::new(BufWriter::new(file), Arc::new(schema), properties.into())
            })
            .map_err(|source| write_error(path, source))?;
        Ok(Self {
            writer,
            dimension: None,
            group: Group::default(),
        })
    }

    /// Adds a row. All vectors of a table have the dimension of the first one.
    ///
    /// # Errors
    /// [`Error::Dimension`] for a vector of another length, [`Error::Write`].
    pub fn write(&mut self, row: &EmbeddingRow<'_>) -> Result<()> {
        let expected = *self.dimension.get_or_insert(row.image_embedding.len());
        for vector in [Some(row.image_embedding), row.text_embedding]
            .into_iter()
            .flatten()
        {
            if vector.len() != expected {
                return Err(Error::Dimension {
                    got: vector.len(),
                    expected,
                });
            }
        }
        self.group.add(row);
        if self.group.is_full() {
            self.write_group()
        } else {
            Ok(())
        }
    }

    /// Completes the table and renames it to its path.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn finish(mut self) -> Result<()> {
        self.write_group()?;
        let path = self.path().to_owned();
        let file = self
            .writer
            .into_inner()
            .map_err(|source| write_error(&path, source))?;
        let file = file.into_inner().map_err(IntoInnerError::into_error);
        file.map_err(Error::write(&path))?.finish()
    }

    fn write_group(&mut self) -> Result<()> {
        let group = std::mem::take(&mut self.group);
        if group.ids.is_empty() {
            return Ok(());
        }
        let result = self
            .writer
            .next_row_group()
            .and_then(|writer| group.write(writer));
        result.map_err(|source| write_error(self.path(), source))
    }

    fn path(&self) -> &Path {
        self.writer.inner().get_ref().path()
    }
}

/// An error of the Parquet library, or the system's error inside it.
pub(crate) fn write_error(path: &Path, error: ParquetError) -> Error {
    let source = match error {
        ParquetError::External(error) => match error.downcast() {
            Ok(error) => *error,
            Err(error) => io::Error::other(error),
        },
        error => io::Error::other(error),
    };
    Error::write(path)(source)
}

/// The rows of a row group, by column.
#[derive(Debug, Default)]
struct Group {
    ids: Vec<ByteArray>,
    images: Vec<ByteArray>,
    captions: Vec<ByteArray>,
    image_embeddings: Lists,
    text_embeddings: Lists,
}

impl Group {
    fn add(&mut self, row: &EmbeddingRow<'_>) {
        self.ids.push(row.id.into());
        self.images.push(row.image.into());
        self.captions.push(row.caption.into());
        self.image_embeddings.add(Some(row.image_embedding), 0);
        self.text_embeddings.add(row.text_embedding, 1);
    }

    fn is_full(&self) -> bool {
        let numbers = self.image_embeddings.numbers.len() + self.text_embeddings.numbers.len();
        numbers >= NUMBERS_PER_GROUP || self.ids.len() >= ROWS_PER_GROUP
    }

    fn write(
        &self,
        mut writer: SerializedRowGroupWriter<'_, BufWriter<Unfinished>>,
    ) -> Result<(), ParquetError> {
        for strings in [&self.ids, &self.images, &self.captions] {
            write_column::<ByteArrayType, _>(&mut writer, strings, None, None)?;
        }
        for lists in [&self.image_embeddings, &self.text_embeddings] {
            let (definitions, repetitions) = (&lists.definitions, &lists.repetitions);
            write_column::<FloatType, _>(
                &mut writer,
                &lists.numbers,
                Some(definitions),
                Some(repetitions),
            )?;
        }
        writer.close().map(drop)
    }
}

/// Writes the next column of a row group: its values, the definition level of each if some may be null, and
/// the repetition level of each for a list.
pub(crate) fn write_column<T: DataType, W: std::io::Write + Send>(
    writer: &mut SerializedRowGroupWriter<'_, W>,
    values: &[T::T],
    definitions: Option<&[i16]>,
    repetitions: Option<&[i16]>,
) -> Result<(), ParquetError> {
    let Some(mut column) = writer.next_column()? else {
        return Err(ParquetError::General(
            "schema has too few columns".to_owned(),
        ));
    };
    column
        .typed::<T>()
        .write_batch(values, definitions, repetitions)?;
    column.close()
}

/// Lists of numbers as Parquet stores them. A definition level says how much of the path to a number exists.
/// A repetition level says whether it begins a row (0) or continues its list (1).
#[derive(Debug, Default)]
struct Lists {
    numbers: Vec<f32>,
    definitions: Vec<i16>,
    repetitions: Vec<i16>,
}

impl Lists {
    /// Adds a list. `present` is the definition level of a list that exists: 1 in a nullable column, else 0.
    fn add(&mut self, list: Option<&[f32]>, present: i16) {
        let numbers = list.unwrap_or_default();
        if numbers.is_empty() {
            self.definitions
                .push(if list.is_some() { present } else { 0 });
            self.repetitions.push(0);
        }
        self.numbers.extend_from_slice(numbers);
        self.definitions.extend(numbers.iter().map(|_| present + 1));
        self.repetitions
            .extend((0..numbers.len()).map(|index| i16::from(index > 0)));
    }
}
