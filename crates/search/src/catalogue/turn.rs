//! One process at a time changes a collection.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::error::{Error, Result};

/// How often one that waits looks whether it is its turn.
const INTERVAL: Duration = Duration::from_millis(100);

/// The right to change a collection. It ends when this is dropped, or with the process.
#[derive(Debug)]
pub(crate) struct Turn {
    _file: File,
}

impl Turn {
    /// Waits for the turn, which the lock on the file at `path` stands for. `waiting` is called once
    /// if there is something to wait for; `None` if `stop` came first.
    pub(super) fn take(
        path: &Path,
        stop: &AtomicBool,
        waiting: &(dyn Fn() + Sync),
    ) -> Result<Option<Turn>> {
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
                Ok(()) => return Ok(Some(Turn { _file: file })),
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
