//! Free disk space.

use std::path::Path;

use crate::{Error, Result};

/// Checks that `needed` bytes fit on the disk of `folder`, if the system reports the free space.
///
/// # Errors
/// [`Error::DiskFull`].
pub(crate) fn require(folder: &Path, needed: u64) -> Result<()> {
    match free(folder) {
        Some(free) if free < needed => Err(Error::DiskFull {
            path: folder.to_owned(),
            needed,
            free,
        }),
        _ => Ok(()),
    }
}

/// The free bytes on the disk of `folder`; `None` if the system doesn't report them.
#[cfg(unix)]
pub(crate) fn free(folder: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// The free bytes on the disk of `folder`; `None` if the system doesn't report them.
#[cfg(not(unix))]
pub(crate) fn free(_folder: &Path) -> Option<u64> {
    None
}
