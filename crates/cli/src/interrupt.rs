//! Ctrl-C during long operations.

use std::process;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};

use crate::terminal::message;

/// Set once the user has pressed Ctrl-C.
static STOP: AtomicBool = AtomicBool::new(false);

/// Makes Ctrl-C and SIGTERM set the returned flag. A second one ends the process at once.
pub(crate) fn flag() -> Result<&'static AtomicBool> {
    static INSTALLED: OnceLock<()> = OnceLock::new();
    if INSTALLED.set(()).is_ok() {
        ctrlc::set_handler(|| {
            if STOP.swap(true, Ordering::Relaxed) {
                process::exit(130);
            }
            message!(
                "stopping after writing what has been read; press Ctrl-C again to stop at once"
            );
        })
        .context("could not install a handler for Ctrl-C")?;
    }
    Ok(&STOP)
}

/// Makes Ctrl-C and SIGTERM call `act` before the process ends. After [`flag`] it does nothing.
#[cfg(unix)]
pub(crate) fn before_end(act: fn()) {
    // An error means that a handler exists already: that of `flag` or this one.
    let _ = ctrlc::set_handler(move || {
        act();
        process::exit(130);
    });
}
