//! What happens when the program itself is wrong.

use std::panic;
use std::sync::Mutex;

use anyhow::Result;

use crate::error::Error;

/// The last panic, in words.
static LAST: Mutex<String> = Mutex::new(String::new());

/// Runs `work`, and turns a panic that nobody catches into an error that says what to do.
///
/// Libraries below catch the panics of decoders on damaged files and report the file. Those are
/// no news for the terminal, so a panic is kept and only told when it gets as far as here.
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
