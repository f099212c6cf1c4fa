//! Raw mode of the terminal during a query: no echo, no line buffering.

use std::fs::File;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};

use crate::interrupt;

/// The modes to restore when the query or the process ends.
static BEFORE: Mutex<Option<Before>> = Mutex::new(None);

struct Before {
    terminal: File,
    modes: Termios,
}

/// Raw mode; dropping it restores the terminal.
pub(super) struct Raw;

impl Raw {
    /// Enters raw mode. Each read then waits at most a tenth of a second.
    pub(super) fn enter(terminal: &File) -> io::Result<Raw> {
        interrupt::before_end(restore_now);
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

    /// Restores the terminal and discards unread input.
    pub(super) fn leave_and_flush(self) {
        restore(OptionalActions::Flush);
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        restore_now();
    }
}

fn restore_now() {
    restore(OptionalActions::Now);
}

fn restore(when: OptionalActions) {
    if let Some(before) = before().take() {
        // A closed terminal needs no modes.
        let _ = tcsetattr(&before.terminal, when, &before.modes);
    }
}

fn before() -> MutexGuard<'static, Option<Before>> {
    BEFORE.lock().unwrap_or_else(PoisonError::into_inner)
}
