//! Ctrl-C during long work.

use std::process;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};

use crate::terminal::message;

/// Set when the user wants an end.
static STOP: AtomicBool = AtomicBool::new(false);

/// From now on Ctrl-C, and what asks a process to end, sets the flag that comes back; for the second
/// time it ends the program at once.
pub(crate) fn flag() -> Result<&'static AtomicBool> {
    static INSTALLED: OnceLock<()> = OnceLock::new();
    if INSTALLED.set(()).is_ok() {
        ctrlc::set_handler(|| {
            if STOP.swap(true, Ordering::Relaxed) {
                process::exit(130);
            }
            message!("stopping: what has been read is still written; once more to stop at once");
        })
        .context("Ctrl-C cannot be listened to")?;
    }
    Ok(&STOP)
}

/// From now on Ctrl-C, and what asks a process to end, does this first. Where [`flag`] was asked for, the
/// work goes on to its own end instead.
#[cfg(unix)]
pub(crate) fn before_end(act: fn()) {
    // An error says that there is a handler, which is `flag`'s or this one.
    let _ = ctrlc::set_handler(move || {
        act();
        process::exit(130);
    });
}
