//! What happens on the way, on the terminal.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use clipseek::{Event, Listener};

use crate::pull_display::PullDisplay;
use crate::terminal::{message, visible, wrapped};

/// Waits that nobody notices.
const UNNOTICED: Duration = Duration::from_secs(2);

/// Shows on standard error what happens on the way.
pub(crate) fn listener() -> Listener {
    let pull: Mutex<Option<PullDisplay>> = Mutex::default();
    Listener::new(move |event| {
        let mut pull = pull.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Pull(progress) => pull.get_or_insert_with(PullDisplay::new).show(progress),
            Event::DamagedFile { name } => pull
                .get_or_insert_with(PullDisplay::new)
                .say(&format!("`{name}` is damaged and is fetched again")),
            Event::PullEnded => {
                if let Some(display) = pull.take() {
                    display.finish();
                }
            }
            Event::Mix { query } => message!("looking for {}", visible(&query.explanation())),
            Event::Note(note) => {
                let note = format!("note: {note}");
                message!("{}", wrapped(&visible(&note)));
            }
            Event::WaitingForWriter => {
                message!("waiting for another clipseek that adds to this collection");
            }
            Event::EngineRetry { error, wait } => tell_of_retry(error, wait),
            _ => {}
        }
    })
}

/// Pinecone is asked again after a while.
fn tell_of_retry(error: &index::Error, wait: Duration) {
    use index::Error::{Silent, Unreachable};
    if wait < UNNOTICED && !matches!(error, Silent { .. } | Unreachable { .. }) {
        return;
    }
    message!("{error}; asking again in {:.1} s", wait.as_secs_f64());
}
