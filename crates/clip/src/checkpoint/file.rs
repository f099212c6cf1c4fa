use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use nn::Contents;

use crate::{Error, Result};

/// The largest known small file, a tokenizer with 250,000 tokens, has 17 MB.
const SMALL_FILE_LIMIT: u64 = 64 << 20;

/// Reads the small file at `path`; `None` if it does not exist.
pub(super) fn read(path: &Path) -> Result<Option<Contents>> {
    let Some((file, bytes)) = open(path)? else {
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
    Ok(Some(contents.into()))
}

/// Maps the file at `path` into memory; `None` if it does not exist.
pub(super) fn map(path: &Path) -> Result<Option<Contents>> {
    let Some((file, _)) = open(path)? else {
        return Ok(None);
    };
    let contents = Contents::map(&file).map_err(|source| Error::ReadFile {
        file: path.display().to_string(),
        source,
    })?;
    Ok(Some(contents))
}

/// Opens the file at `path` and returns its size in bytes; `None` if it does not exist.
fn open(path: &Path) -> Result<Option<(File, u64)>> {
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
