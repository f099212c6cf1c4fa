use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

/// A file on this machine.
pub(super) struct LocalFile(pub(super) File);

impl Length for LocalFile {
    fn len(&self) -> u64 {
        self.0.len()
    }
}

impl ChunkReader for LocalFile {
    type T = Strict<BufReader<File>>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        let mut file = self.0.try_clone()?;
        file.seek(SeekFrom::Start(start))?;
        Ok(Strict(BufReader::new(file)))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        self.0.get_bytes(start, length)
    }
}

/// Fails at its end instead of saying that nothing comes any more: the library passes over as many
/// elements as a damaged file claims, and would look for two thousand million of them behind the
/// end.
pub(crate) struct Strict<R>(pub(crate) R);

impl<R: Read> Read for Strict<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 if !buffer.is_empty() => Err(io::ErrorKind::UnexpectedEof.into()),
            count => Ok(count),
        }
    }
}
