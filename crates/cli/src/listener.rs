//! Prints events of the library on the terminal.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use clipseek::{Event, Listener};

use crate::pull_display::PullDisplay;
use crate::terminal::{message, visible, wrapped};

/// Shorter waits are not reported.
const UNNOTICED: Duration = Duration::from_secs(2);

/// A listener that prints events to standard error.
pub(crate) fn listener() -> Listener {
    let pull: Mutex<Option<PullDisplay>> = Mutex::default();
    Listener::new(move |event| {
        let mut pull = pull.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Pull(progress) => pull.get_or_insert_with(PullDisplay::new).show(progress),
            Event::DamagedFile { name } => pull
                .get_or_insert_with(PullDisplay::new)
                .say(&format!("`{name}` is damaged; downloading it again")),
            Event::PullEnded => {
                if let Some(display) = pull.take() {
                    display.finish();
                }
            }
            Event::Mix { query } => message!("searching for {}", visible(&query.explanation())),
            Event::Note(note) => {
                let note = format!("note: {note}");
                message!("{}", wrapped(&visible(&note)));
            }
            Event::WaitingForWriter => {
                message!("waiting for another clipseek process that is adding to this collection");
            }
            Event::EngineRetry { error, wait } => report_retry(error, wait),
            _ => {}
        }
    })
}

/// Reports a retry of a request to Pinecone.
fn report_retry(error: &index::Error, wait: Duration) {
    use index::Error::{Silent, Unreachable};
    if wait < UNNOTICED && !matches!(error, Silent { .. } | Unreachable { .. }) {
        return;
    }
    message!("{error}; retrying in {:.1} s", wait.as_secs_f64());
}
