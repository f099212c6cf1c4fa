//! The lock that lets one process at a time change a collection.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::error::{Error, Result};

/// How often to try to acquire the lock.
const INTERVAL: Duration = Duration::from_millis(100);

/// A held write lock. Released when dropped, or when the process ends.
#[derive(Debug)]
pub(crate) struct WriteLock {
    _file: File,
}

impl WriteLock {
    /// Locks the file at `path`. Calls `waiting` once if another process holds the lock. Returns `None` if
    /// `stop` was set first.
    pub(super) fn acquire(
        path: &Path,
        stop: &AtomicBool,
        waiting: &(dyn Fn() + Sync),
    ) -> Result<Option<WriteLock>> {
        let failed = |source| Error::Lock {
            path: path.to_owned(),
            source,
        };
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .map_err(failed)?;
        let mut told = false;
        while !stop.load(Ordering::Relaxed) {
            match file.try_lock() {
                Ok(()) => return Ok(Some(WriteLock { _file: file })),
                Err(TryLockError::Error(source)) => return Err(failed(source)),
                Err(TryLockError::WouldBlock) => {}
            }
            if !told {
                waiting();
                told = true;
            }
            thread::sleep(INTERVAL);
        }
        Ok(None)
    }
}
