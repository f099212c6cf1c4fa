//! Panics reported as errors.

use std::panic;
use std::sync::Mutex;

use anyhow::Result;

use crate::error::Error;

/// The message of the last panic.
static LAST: Mutex<String> = Mutex::new(String::new());

/// Runs `work` and turns an uncaught panic into an error with a hint.
///
/// Libraries catch the panics of decoders on damaged files and report the file. So the hook prints nothing; it keeps the
/// message for a panic that gets here.
pub(crate) fn guard<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    panic::set_hook(Box::new(|panic| {
        if let Ok(mut last) = LAST.lock() {
            *last = panic.to_string();
        }
    }));
    match panic::catch_unwind(panic::AssertUnwindSafe(work)) {
        Ok(result) => result,
        Err(_) => {
            let panic = LAST.lock().map(|last| last.clone()).unwrap_or_default();
            Err(Error::Bug { panic }.into())
        }
    }
}
