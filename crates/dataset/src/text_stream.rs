use std::fs::File;
use std::io::{self, BufReader, Chain, Cursor, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use crate::{Error, Result, paths};

/// So much of a text's beginning is looked at before it is read.
const LONGEST_START: u64 = 1 << 20;

/// The text of a table, decompressed if its name ends in `.gz` or `.zst`.
pub(crate) struct TextStream {
    pub(crate) path: PathBuf,
    rest: Chain<Cursor<Vec<u8>>, Box<dyn Read + Send>>,
}

impl TextStream {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let mut rest = decompressed(path).map_err(Error::read(path))?;
        let mut start = Vec::new();
        (&mut rest)
            .take(LONGEST_START)
            .read_to_end(&mut start)
            .map_err(Error::read(path))?;
        Ok(Self {
            path: path.to_owned(),
            rest: Cursor::new(start).chain(rest),
        })
    }

    /// The beginning of what has not been read, as far as it is looked at.
    pub(crate) fn start(&self) -> &[u8] {
        let start = self.rest.get_ref().0;
        let read = usize::try_from(start.position()).unwrap_or(usize::MAX);
        start.get_ref().get(read..).unwrap_or_default()
    }

    /// Whether the beginning is all there is.
    pub(crate) fn is_short(&self) -> bool {
        (self.rest.get_ref().0.get_ref().len() as u64) < LONGEST_START
    }

    /// Passes over bytes of the beginning.
    pub(crate) fn skip(&mut self, count: usize) {
        let start = self.rest.get_mut().0;
        start.set_position(start.position() + count as u64);
    }
}

impl Read for TextStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.rest.read(buffer)
    }
}

/// The content of the file at `path`.
pub(crate) fn decompressed(path: &Path) -> io::Result<Box<dyn Read + Send>> {
    let file = File::open(path)?;
    Ok(match Compression::of(path) {
        None => Box::new(file),
        Some(Compression::Gzip) => Box::new(MultiGzDecoder::new(BufReader::new(file))),
        Some(Compression::Zstandard) => Box::new(zstd::Decoder::new(file)?),
    })
}

/// How a table's file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    Gzip,
    Zstandard,
}

impl Compression {
    /// By the extension of a file's name.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        match paths::extension(path).as_str() {
            "gz" => Some(Self::Gzip),
            "zst" | "zstd" => Some(Self::Zstandard),
            _ => None,
        }
    }

    /// The name that the file has when it is decompressed.
    pub(crate) fn uncompressed_name(path: &Path) -> PathBuf {
        match Self::of(path) {
            Some(_) => path.with_extension(""),
            None => path.to_owned(),
        }
    }
}
