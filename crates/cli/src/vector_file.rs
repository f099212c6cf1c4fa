use std::io::{BufWriter, IntoInnerError, Write};
use std::path::{Path, PathBuf};

use anyhow::Result;
use dataset::{EmbeddingArray, EmbeddingRow, EmbeddingTable, Unfinished};
use search::{Embedding, Record};
use serde_json::json;

use crate::error::Error;
use crate::output;
use crate::terminal::{count, message};

/// A file of vectors for other programs, in the form that its name's ending says.
pub(crate) struct VectorFile {
    path: PathBuf,
    rows: usize,
    form: Form,
}

/// What a name says of the form.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ending {
    Parquet,
    Npy,
    Lines,
}

enum Form {
    /// A row a caption; one with an empty caption for a picture without any.
    Parquet(Box<EmbeddingTable>),
    /// A row a picture, and beside it a file with a line of JSON a row, which says what the row is.
    Npy {
        array: EmbeddingArray,
        names: BufWriter<Unfinished>,
    },
    /// A line of JSON a picture, as `clipseek index upsert` takes them.
    Lines(BufWriter<Unfinished>),
}

impl VectorFile {
    /// Begins a file. It is there when it is [finished](VectorFile::finish).
    pub(crate) fn create(path: &Path, dimension: usize) -> Result<VectorFile> {
        let form = match Self::check_ending(path)? {
            Ending::Parquet => Form::Parquet(Box::new(EmbeddingTable::create(path)?)),
            Ending::Npy => Form::Npy {
                array: EmbeddingArray::create(path, dimension)?,
                names: BufWriter::new(Unfinished::create(&names_of(path))?),
            },
            Ending::Lines => Form::Lines(BufWriter::new(Unfinished::create(path)?)),
        };
        Ok(VectorFile {
            path: path.to_owned(),
            rows: 0,
            form,
        })
    }

    /// Refuses a name that says no form.
    pub(crate) fn check_ending(path: &Path) -> Result<Ending, Error> {
        let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
        match ending.to_str() {
            Some("parquet") => Ok(Ending::Parquet),
            Some("npy") => Ok(Ending::Npy),
            Some("jsonl") => Ok(Ending::Lines),
            _ => Err(Error::UnknownExtension {
                path: path.to_owned(),
                expected: "a name ending in .parquet, .npy or .jsonl",
            }),
        }
    }

    /// Refuses to write over the source that is read.
    pub(crate) fn spare(source: &Path, path: &Path) -> Result<(), Error> {
        output::spare(source, path)?;
        output::spare(source, &names_of(path))
    }

    /// Writes a picture and its captions.
    pub(crate) fn write(&mut self, embedding: &Embedding) -> Result<()> {
        match &mut self.form {
            Form::Parquet(table) => self.rows += write_rows(table, embedding)?,
            Form::Npy { array, names } => {
                array.write(&embedding.image)?;
                let Record {
                    id,
                    place,
                    captions,
                    ..
                } = &embedding.record;
                let line = json!({ "id": id, "image": place, "captions": captions });
                writeln!(names, "{line}")?;
                self.rows += 1;
            }
            Form::Lines(lines) => {
                let vector = embedding.vector();
                serde_json::to_writer(&mut *lines, &vector)?;
                writeln!(lines)?;
                self.rows += 1;
            }
        }
        Ok(())
    }

    /// Puts the file in its place and says what is in it.
    pub(crate) fn finish(self) -> Result<()> {
        let (rows, path) = (count(self.rows, "row"), self.path.display());
        match self.form {
            Form::Parquet(table) => {
                table.finish()?;
                message!("{rows} in {path}");
            }
            Form::Npy { array, names } => {
                array.finish()?;
                end(names)?;
                message!(
                    "{rows} in {path}, named in {}",
                    names_of(&self.path).display()
                );
            }
            Form::Lines(lines) => {
                end(lines)?;
                message!("{rows} in {path}");
            }
        }
        Ok(())
    }
}

fn end(lines: BufWriter<Unfinished>) -> Result<()> {
    let file = lines.into_inner().map_err(IntoInnerError::into_error)?;
    Ok(file.finish()?)
}

/// The file beside an array that names its rows.
fn names_of(array: &Path) -> PathBuf {
    let mut name = array.as_os_str().to_owned();
    name.push(".jsonl");
    name.into()
}

/// Writes the rows of a picture, and says how many they were.
fn write_rows(table: &mut EmbeddingTable, embedding: &Embedding) -> Result<usize> {
    let Embedding {
        record,
        image,
        captions,
    } = embedding;
    let mut write = |caption: &str, text_embedding| {
        table.write(&EmbeddingRow {
            id: &record.id,
            image: &record.place,
            caption,
            image_embedding: image,
            text_embedding,
        })
    };
    if captions.is_empty() {
        write("", None)?;
        return Ok(1);
    }
    for (caption, vector) in record.captions.iter().zip(captions) {
        write(caption, Some(vector))?;
    }
    Ok(captions.len())
}
