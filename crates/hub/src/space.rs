//! Room on disks.

use std::path::Path;

use crate::{Error, Result};

/// Refuses where `needed` bytes do not fit on the disk of `folder`, as far as the system tells.
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

/// The bytes that can still be written to the disk of `folder`. None where the system does not say.
#[cfg(unix)]
pub(crate) fn free(folder: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// The bytes that can still be written to the disk of `folder`. None where the system does not say.
#[cfg(not(unix))]
pub(crate) fn free(_folder: &Path) -> Option<u64> {
    None
}
