use std::fs::File;
use std::io::{self, BufReader, Chain, Cursor, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use crate::{Error, Result, paths};

/// How much of a text's beginning is examined before it's read.
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

    /// The examined beginning of the unread text.
    pub(crate) fn start(&self) -> &[u8] {
        let start = self.rest.get_ref().0;
        let read = usize::try_from(start.position()).unwrap_or(usize::MAX);
        start.get_ref().get(read..).unwrap_or_default()
    }

    /// Whether the beginning is the whole text.
    pub(crate) fn is_short(&self) -> bool {
        (self.rest.get_ref().0.get_ref().len() as u64) < LONGEST_START
    }

    /// Skips bytes of the beginning.
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

/// The compression of a table's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    Gzip,
    Zstandard,
}

impl Compression {
    /// The compression by a file's extension.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        match paths::extension(path).as_str() {
            "gz" => Some(Self::Gzip),
            "zst" | "zstd" => Some(Self::Zstandard),
            _ => None,
        }
    }

    /// The file's name without the extension for compression.
    pub(crate) fn uncompressed_name(path: &Path) -> PathBuf {
        match Self::of(path) {
            Some(_) => path.with_extension(""),
            None => path.to_owned(),
        }
    }
}
