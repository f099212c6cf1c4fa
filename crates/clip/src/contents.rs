mod mapping;

use std::{
    fs::File,
    io::{self, Read},
    ops::Deref,
    path::Path,
};

use memmap2::Mmap;

use crate::{Error, Result};

/// The largest of them known, a tokenizer of 250,000 tokens, has 17 MB.
const SMALL_FILE_LIMIT: u64 = 64 << 20;

/// The bytes of a file.
pub(crate) enum Contents {
    Read(Vec<u8>),
    Mapped(Mmap),
    Bundled(&'static [u8]),
}

impl Contents {
    /// Reads the small file at `path`; `None` when there is none.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>> {
        let Some((file, bytes)) = open_file(path)? else {
            return Ok(None);
        };
        let name = || path.display().to_string();
        if bytes > SMALL_FILE_LIMIT {
            return Err(Error::LargeFile {
                file: name(),
                bytes,
                limit: SMALL_FILE_LIMIT,
            });
        }
        let mut contents = Vec::new();
        let read = file.take(SMALL_FILE_LIMIT).read_to_end(&mut contents);
        read.map_err(|source| Error::ReadFile {
            file: name(),
            source,
        })?;
        Ok(Some(Self::Read(contents)))
    }

    /// Maps the file at `path` into memory; `None` when there is none.
    pub(crate) fn map(path: &Path) -> Result<Option<Self>> {
        let Some((file, _)) = open_file(path)? else {
            return Ok(None);
        };
        let map = mapping::map(&file).map_err(|source| Error::ReadFile {
            file: path.display().to_string(),
            source,
        })?;
        Ok(Some(Self::Mapped(map)))
    }

    /// Says that all of `part`, which is a part of these bytes, is about to be read.
    pub(crate) fn will_need(&self, part: &[u8]) {
        if let Self::Mapped(map) = self {
            mapping::will_need(map, part);
        }
    }
}

impl Deref for Contents {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Read(bytes) => bytes,
            Self::Mapped(map) => map,
            Self::Bundled(bytes) => bytes,
        }
    }
}

/// Opens the file at `path`; `None` when there is none.
fn open_file(path: &Path) -> Result<Option<(File, u64)>> {
    let failed = |source| Error::ReadFile {
        file: path.display().to_string(),
        source,
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(failed(io::Error::new(
            io::ErrorKind::InvalidInput,
            "not a regular file",
        )));
    }
    Ok(Some((file, metadata.len())))
}
