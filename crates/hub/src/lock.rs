use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::Path;
use std::time::Duration;

use crate::{Error, Result};

/// The right to fetch one blob, among all processes that use the cache: a lock (`flock`) on
/// `.locks/<repository>/<hash>.lock`, the file and the kind that `huggingface_hub` locks. Given back when
/// it is dropped, or when the process ends, however it ends. The file stays, as Python's does.
pub(crate) struct Lock {
    file: Option<File>,
}

/// How often is looked whether the lock is free.
const LOOK_EVERY: Duration = Duration::from_millis(50);

impl Lock {
    /// Waits for the lock; `waiting` is told once if there is something to wait for.
    ///
    /// # Errors
    /// When the file cannot be made.
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

    /// Whether others are kept away. They are not on file systems without locks.
    pub(crate) fn is_held(&self) -> bool {
        self.file.is_some()
    }

    fn attempt(path: &Path) -> Result<Option<Self>> {
        let file = open(path)?;
        match file.try_lock() {
            Ok(()) if is_removed(&file) => Ok(None),
            Ok(()) => Ok(Some(Self { file: Some(file) })),
            Err(TryLockError::WouldBlock) => Ok(None),
            // A file system without locks. What is fetched twice then is written to parts of their own.
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
    // Those who share a cache have to be able to wait for each other.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o664);
    options.open(path).map_err(Error::of(path))
}

/// Whether the file lost its name between opening and locking: others lock another one then.
#[cfg(unix)]
fn is_removed(file: &File) -> bool {
    use std::os::unix::fs::MetadataExt;
    file.metadata().is_ok_and(|metadata| metadata.nlink() == 0)
}

#[cfg(not(unix))]
fn is_removed(_file: &File) -> bool {
    false
}
