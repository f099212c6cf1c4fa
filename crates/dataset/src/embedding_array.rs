use std::io::{BufWriter, IntoInnerError, Seek, Write};
use std::path::Path;

use crate::unfinished::Unfinished;
use crate::{Error, Result};

/// The length of the header: the smallest multiple of 64 that fits any two numbers, so that the number of
/// rows can be filled in at the end.
const HEADER: usize = 128;

/// Vectors as a NumPy array: shape (rows, dimension), little-endian float32, C order, format version 1.0
/// (<https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>).
///
/// Written to a temporary file that [`finish`](Self::finish) renames. If dropped before, it leaves nothing
/// behind.
#[derive(Debug)]
pub struct EmbeddingArray {
    file: BufWriter<Unfinished>,
    dimension: usize,
    rows: usize,
}

impl EmbeddingArray {
    /// Starts an array that will replace any file at `path`.
    ///
    /// # Errors
    /// [`Error::Write`] if the folder isn't writable.
    pub fn create(path: &Path, dimension: usize) -> Result<Self> {
        let mut array = Self {
            file: BufWriter::new(Unfinished::create(path)?),
            dimension,
            rows: 0,
        };
        array.write_bytes(&header(0, dimension))?;
        Ok(array)
    }

    /// Adds a row.
    ///
    /// # Errors
    /// [`Error::Dimension`] for a vector of another length, [`Error::Write`].
    pub fn write(&mut self, vector: &[f32]) -> Result<()> {
        if vector.len() != self.dimension {
            return Err(Error::Dimension {
                got: vector.len(),
                expected: self.dimension,
            });
        }
        if cfg!(target_endian = "little") {
            self.write_bytes(bytemuck::cast_slice(vector))?;
        } else {
            let bytes: Vec<u8> = vector
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect();
            self.write_bytes(&bytes)?;
        }
        self.rows += 1;
        Ok(())
    }

    /// Completes the array and renames it to its path.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn finish(mut self) -> Result<()> {
        let path = self.file.get_ref().path().to_owned();
        self.file.rewind().map_err(Error::write(&path))?;
        self.write_bytes(&header(self.rows, self.dimension))?;
        let file = self.file.into_inner().map_err(IntoInnerError::into_error);
        file.map_err(Error::write(&path))?.finish()
    }

    fn write_bytes(&mut self, bytes: &[u8]) -> Result<()> {
        let result = self.file.write_all(bytes);
        result.map_err(Error::write(self.file.get_ref().path()))
    }
}

fn header(rows: usize, dimension: usize) -> [u8; HEADER] {
    const START: &[u8] = b"\x93NUMPY\x01\x00\x76\x00";
    const _: () = assert!(START.len() + 0x76 == HEADER);
    let description =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {dimension}), }}");
    let mut header = [b' '; HEADER];
    header[..START.len()].copy_from_slice(START);
    header[START.len()..START.len() + description.len()].copy_from_slice(description.as_bytes());
    header[HEADER - 1] = b'\n';
    header
}
