//! A terminal while it is asked: nothing is echoed, and bytes come as they are sent.

use std::fs::File;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};

use crate::interrupt;

/// What is put back at the end, however that comes.
static BEFORE: Mutex<Option<Before>> = Mutex::new(None);

struct Before {
    terminal: File,
    modes: Termios,
}

/// Puts the terminal back when it is dropped.
pub(super) struct Raw;

impl Raw {
    /// Reading waits a tenth of a second at most from now on.
    pub(super) fn enter(terminal: &File) -> io::Result<Raw> {
        interrupt::before_end(put_back);
        let modes = tcgetattr(terminal)?;
        let mut raw = modes.clone();
        raw.local_modes
            .remove(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG);
        raw.special_codes[SpecialCodeIndex::VMIN] = 0;
        raw.special_codes[SpecialCodeIndex::VTIME] = 1;
        *before() = Some(Before {
            terminal: terminal.try_clone()?,
            modes,
        });
        let entered = Raw;
        tcsetattr(terminal, OptionalActions::Now, &raw)?;
        Ok(entered)
    }

    /// Puts the terminal back, and throws away what has come and was not read.
    pub(super) fn leave_and_flush(self) {
        restore(OptionalActions::Flush);
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        put_back();
    }
}

fn put_back() {
    restore(OptionalActions::Now);
}

fn restore(when: OptionalActions) {
    if let Some(before) = before().take() {
        // A terminal that is gone needs no modes.
        let _ = tcsetattr(&before.terminal, when, &before.modes);
    }
}

fn before() -> MutexGuard<'static, Option<Before>> {
    BEFORE.lock().unwrap_or_else(PoisonError::into_inner)
}
