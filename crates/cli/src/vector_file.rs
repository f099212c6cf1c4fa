use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Result;
use dataset::{EmbeddingRow, EmbeddingTable};
use search::Embedding;
use serde_json::{Value, json};

use crate::error::Error;
use crate::output;
use crate::terminal::{count, message};

/// A file of vectors for other programs, in the form that its name's ending says.
pub(crate) enum VectorFile {
    /// A row a caption; one with an empty caption for a picture without any.
    Parquet {
        table: EmbeddingTable,
        rows: usize,
        path: PathBuf,
    },
    /// A row a picture, and a line of JSON a row in a file beside it, which says what the row is.
    Npy {
        vectors: Vec<Vec<f32>>,
        lines: Vec<Value>,
        dimension: usize,
        path: PathBuf,
    },
}

impl VectorFile {
    /// Begins a file. It is there when it is [finished](VectorFile::finish).
    pub(crate) fn create(path: &Path, dimension: usize) -> Result<VectorFile> {
        let owned = path.to_owned();
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("parquet") => {
                let table = EmbeddingTable::create(path)?;
                Ok(VectorFile::Parquet {
                    table,
                    rows: 0,
                    path: owned,
                })
            }
            Some("npy") => Ok(VectorFile::Npy {
                vectors: vec![],
                lines: vec![],
                dimension,
                path: owned,
            }),
            _ => {
                let expected = "a name ending in .parquet or .npy";
                Err(Error::UnknownExtension {
                    path: owned,
                    expected,
                }
                .into())
            }
        }
    }

    /// Writes a picture and its captions.
    pub(crate) fn write(&mut self, embedding: Embedding) -> Result<()> {
        let Embedding {
            record,
            image,
            captions,
        } = embedding;
        match self {
            VectorFile::Npy { vectors, lines, .. } => {
                lines.push(json!({
                    "id": record.id, "image": record.place, "captions": record.captions
                }));
                vectors.push(image);
            }
            VectorFile::Parquet { table, rows, .. } => {
                let mut row = |caption: &str, text_embedding| {
                    *rows += 1;
                    table.write(&EmbeddingRow {
                        id: &record.id,
                        image: &record.place,
                        caption,
                        image_embedding: &image,
                        text_embedding,
                    })
                };
                if captions.is_empty() {
                    row("", None)?;
                }
                for (caption, vector) in record.captions.iter().zip(&captions) {
                    row(caption, Some(vector))?;
                }
            }
        }
        Ok(())
    }

    /// Puts the file in its place and says what is in it.
    pub(crate) fn finish(self) -> Result<()> {
        match self {
            VectorFile::Parquet { table, rows, path } => {
                table.finish()?;
                message!("{} in {}", count(rows, "row"), path.display());
            }
            VectorFile::Npy {
                vectors,
                lines,
                dimension,
                path,
            } => {
                dataset::write_npy(&path, dimension, vectors.iter().map(Vec::as_slice))?;
                let names = path.with_extension("jsonl");
                output::write(Some(&names), |out| write_lines(&lines, out))?;
                let rows = count(lines.len(), "row");
                message!("{rows} in {}, named in {}", path.display(), names.display());
            }
        }
        Ok(())
    }
}

fn write_lines(lines: &[Value], out: &mut dyn Write) -> Result<()> {
    for line in lines {
        serde_json::to_writer(&mut *out, line)?;
        writeln!(out)?;
    }
    Ok(())
}
