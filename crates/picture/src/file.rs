use std::{
    fs::{File, Metadata, OpenOptions},
    io::{self, Read},
    path::Path,
};

use crate::{Error, Limits, Result};

/// Reads the file at `path` if it is a regular file within the limit on bytes.
///
/// The size is checked before and during reading, because a file can grow or misreport its size. A pipe, a device or a
/// folder is an error at once, because reading one could block forever.
///
/// # Errors
///
/// [`Error::Read`], [`Error::NotAFile`] and [`Error::TooManyBytes`].
pub fn read_within(path: &Path, limits: &Limits) -> Result<Vec<u8>> {
    let (file, metadata) = open_within(path, limits)?;
    let mut bytes = Vec::with_capacity(metadata.len() as usize);
    file.take(limits.bytes.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|source| Error::Read {
            path: path.to_owned(),
            source,
        })?;
    limits.check_bytes(bytes.len() as u64)?;
    Ok(bytes)
}

/// Opens the file at `path` if it is a regular file within the limit on bytes, and returns its metadata. It may grow
/// afterwards.
///
/// # Errors
///
/// [`Error::Read`], [`Error::NotAFile`] and [`Error::TooManyBytes`].
pub fn open_within(path: &Path, limits: &Limits) -> Result<(File, Metadata)> {
    let cannot_read = |source| Error::Read {
        path: path.to_owned(),
        source,
    };
    // Checked before opening, because opening a device can have effects, and again once open, because the path may
    // have changed in between.
    check_is_file(path, &path.metadata().map_err(cannot_read)?)?;
    let file = open(path).map_err(cannot_read)?;
    let metadata = file.metadata().map_err(cannot_read)?;
    check_is_file(path, &metadata)?;
    limits.check_bytes(metadata.len())?;
    Ok((file, metadata))
}

/// Opens without blocking: a pipe that replaced the file opens at once and is then rejected.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK);
    options.open(path)
}

fn check_is_file(path: &Path, metadata: &Metadata) -> Result<()> {
    if metadata.is_file() {
        return Ok(());
    }
    Err(Error::NotAFile {
        path: path.to_owned(),
        kind: kind(metadata),
    })
}

fn kind(metadata: &Metadata) -> &'static str {
    if metadata.is_dir() {
        return "a folder";
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if metadata.file_type().is_fifo() {
            return "a pipe";
        }
        if metadata.file_type().is_socket() {
            return "a socket";
        }
    }
    "a device"
}
