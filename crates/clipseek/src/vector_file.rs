use std::io::{self, BufWriter, IntoInnerError, Write};
use std::path::{Path, PathBuf};

use dataset::{EmbeddingArray, EmbeddingRow, EmbeddingTable, Unfinished};
use search::{Embedding, Record};
use serde_json::json;

use crate::error::{Error, Result};

/// A file of embeddings for other programs, in the format of its extension.
pub struct VectorFile {
    path: PathBuf,
    rows: usize,
    form: Form,
}

/// A supported extension.
#[derive(Clone, Copy)]
enum Extension {
    Parquet,
    Npy,
    Lines,
}

enum Form {
    /// One row per caption; one with an empty caption for a picture without captions.
    Parquet(Box<EmbeddingTable>),
    /// One row per picture, and next to it a file with a JSON line per row that describes the picture.
    Npy {
        array: EmbeddingArray,
        names: BufWriter<Unfinished>,
    },
    /// One JSON line per picture, as `clipseek index upsert` reads them.
    Lines(BufWriter<Unfinished>),
}

impl VectorFile {
    /// Starts a file of vectors of length `dimension`. It appears once it is [finished](VectorFile::finish).
    ///
    /// # Errors
    /// [`Error::UnknownExtension`], or an error if the file cannot be created.
    pub fn create(path: &Path, dimension: usize) -> Result<VectorFile> {
        let form = match Self::extension(path)? {
            Extension::Parquet => Form::Parquet(Box::new(EmbeddingTable::create(path)?)),
            Extension::Npy => Form::Npy {
                array: EmbeddingArray::create(path, dimension)?,
                names: BufWriter::new(Unfinished::create(&names_of(path))?),
            },
            Extension::Lines => Form::Lines(BufWriter::new(Unfinished::create(path)?)),
        };
        Ok(VectorFile {
            path: path.to_owned(),
            rows: 0,
            form,
        })
    }

    /// Refuses an unknown extension.
    ///
    /// # Errors
    /// [`Error::UnknownExtension`].
    pub fn check_extension(path: &Path) -> Result<()> {
        Self::extension(path).map(drop)
    }

    fn extension(path: &Path) -> Result<Extension> {
        let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
        match ending.to_str() {
            Some("parquet") => Ok(Extension::Parquet),
            Some("npy") => Ok(Extension::Npy),
            Some("jsonl") => Ok(Extension::Lines),
            _ => Err(Error::UnknownExtension {
                path: path.to_owned(),
                expected: "use .parquet, .npy or .jsonl",
            }),
        }
    }

    /// Writes a picture and its captions.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn write(&mut self, embedding: &Embedding) -> Result<()> {
        match &mut self.form {
            Form::Parquet(table) => self.rows += write_rows(table, embedding)?,
            Form::Npy { array, names } => {
                array.write(&embedding.image)?;
                let Record {
                    id,
                    location,
                    captions,
                    ..
                } = &embedding.record;
                let line = json!({ "id": id, "image": location, "captions": captions });
                writeln!(names, "{line}").map_err(unwritten(&names_of(&self.path)))?;
                self.rows += 1;
            }
            Form::Lines(lines) => {
                let vector = serde_json::to_string(&embedding.vector());
                let written = vector.map_err(io::Error::from);
                let written = written.and_then(|line| writeln!(lines, "{line}"));
                written.map_err(unwritten(&self.path))?;
                self.rows += 1;
            }
        }
        Ok(())
    }

    /// Completes the file. Returns its number of rows.
    ///
    /// # Errors
    /// When the disk is full or the file cannot be created.
    pub fn finish(self) -> Result<usize> {
        match self.form {
            Form::Parquet(table) => table.finish()?,
            Form::Npy { array, names } => {
                array.finish()?;
                end(names, &names_of(&self.path))?;
            }
            Form::Lines(lines) => end(lines, &self.path)?,
        }
        Ok(self.rows)
    }

    /// The files that are written for `path`: an array has a second file that describes its rows.
    pub fn files(path: &Path) -> Vec<PathBuf> {
        let mut files = vec![path.to_owned()];
        if let Ok(Extension::Npy) = Self::extension(path) {
            files.push(names_of(path));
        }
        files
    }
}

fn end(lines: BufWriter<Unfinished>, path: &Path) -> Result<()> {
    let file = lines.into_inner().map_err(IntoInnerError::into_error);
    Ok(file.map_err(unwritten(path))?.finish()?)
}

fn unwritten(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    |source| Error::Write { path, source }
}

/// The file that describes the rows of an array.
fn names_of(array: &Path) -> PathBuf {
    let mut name = array.as_os_str().to_owned();
    name.push(".jsonl");
    name.into()
}

/// Writes the rows of a picture. Returns their number.
fn write_rows(table: &mut EmbeddingTable, embedding: &Embedding) -> Result<usize> {
    let Embedding {
        record,
        image,
        captions,
    } = embedding;
    let mut write = |caption: &str, text_embedding| {
        table.write(&EmbeddingRow {
            id: &record.id,
            image: &record.location,
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
