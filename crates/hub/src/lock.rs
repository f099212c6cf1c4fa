use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::Path;
use std::time::Duration;

use crate::{Error, Result};

/// An exclusive lock on the download of a blob, among all processes that share the cache. It's an `flock` on
/// `.locks/<repository>/<hash>.lock`, the same file and kind as in `huggingface_hub`. Released on drop, or
/// whenever the process ends. The file stays, as with Python.
pub(crate) struct Lock {
    file: Option<File>,
}

/// How often to try to acquire the lock.
const LOOK_EVERY: Duration = Duration::from_millis(50);

impl Lock {
    /// Acquires the lock. Calls `waiting` once if another process holds it.
    ///
    /// # Errors
    /// If the file can't be created.
    pub(crate) async fn acquire(path: &Path, waiting: impl FnOnce()) -> Result<Self> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(Error::of(folder))?;
        }
        let mut waiting = Some(waiting);
        loop {
            if let Some(lock) = Self::attempt(path)? {
                return Ok(lock);
            }
            if let Some(waiting) = waiting.take() {
                waiting();
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Whether the lock is held. It isn't on file systems without locks.
    pub(crate) fn is_held(&self) -> bool {
        self.file.is_some()
    }

    fn attempt(path: &Path) -> Result<Option<Self>> {
        let file = open(path)?;
        match file.try_lock() {
            Ok(()) if is_removed(&file) => Ok(None),
            Ok(()) => Ok(Some(Self { file: Some(file) })),
            Err(TryLockError::WouldBlock) => Ok(None),
            // The file system doesn't support locks. Concurrent downloads then use separate parts.
            Err(TryLockError::Error(_)) => Ok(Some(Self::none())),
        }
    }

    pub(crate) fn none() -> Self {
        Self { file: None }
    }
}

fn open(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    // Users who share a cache must be able to lock each other's files.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o664);
    options.open(path).map_err(Error::of(path))
}

/// Whether the file was deleted between opening and locking: others then lock another file.
#[cfg(unix)]
fn is_removed(file: &File) -> bool {
    use std::os::unix::fs::MetadataExt;
    file.metadata().is_ok_and(|metadata| metadata.nlink() == 0)
}

#[cfg(not(unix))]
fn is_removed(_file: &File) -> bool {
    false
}
