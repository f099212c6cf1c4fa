use std::collections::HashMap;
use std::io::{IsTerminal, stderr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hub::{Progress, Waiting};
use indicatif::{HumanBytes, MultiProgress, ProgressBar, ProgressStyle};

use crate::terminal::{message, visible};

/// The progress of a model download: a bar per file on a terminal, elsewhere a line per file.
pub(crate) struct PullDisplay {
    bars: MultiProgress,
    by_file: Mutex<HashMap<String, ProgressBar>>,
    is_terminal: bool,
}

impl PullDisplay {
    pub(crate) fn new() -> PullDisplay {
        PullDisplay {
            bars: MultiProgress::new(),
            by_file: Mutex::default(),
            is_terminal: stderr().is_terminal(),
        }
    }

    /// Shows progress.
    pub(crate) fn show(&self, progress: Progress<'_>) {
        match progress {
            Progress::Started {
                name,
                size,
                present,
            } => self.start(name, size, present),
            Progress::Received { name, bytes } => self.with(name, |bar| bar.inc(bytes)),
            Progress::StartedOver { name } => self.with(name, |bar| bar.set_position(0)),
            Progress::Finished { name } => self.with(name, ProgressBar::finish),
            Progress::Waiting { name, for_what } => self.say(&match for_what {
                Waiting::OtherProcess => {
                    format!(
                        "waiting for another process that is downloading {}",
                        name_of(name)
                    )
                }
                Waiting::NextAttempt(wait) => format!(
                    "retrying {} in {:.0} s",
                    name_of(name),
                    wait.as_secs_f64().ceil()
                ),
            }),
        }
    }

    /// Removes the bars.
    pub(crate) fn finish(&self) {
        for bar in self.by_file().values() {
            bar.finish_and_clear();
        }
    }

    fn start(&self, name: &str, size: u64, present: u64) {
        if !self.is_terminal {
            let there = match present {
                0 => String::new(),
                present => format!(", {} already downloaded", HumanBytes(present)),
            };
            message!(
                "downloading {} ({}{there})",
                visible(name),
                HumanBytes(size)
            );
            return;
        }
        let bar = ProgressBar::new(size).with_message(visible(name).into_owned());
        let template =
            "{msg:28} {wide_bar:.cyan} {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left ";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("━╸ "));
        }
        let bar = self.bars.add(bar);
        // Bytes that were here before must not count for the rate.
        bar.set_position(present);
        bar.reset_eta();
        self.by_file().insert(name.to_owned(), bar);
    }

    fn with(&self, name: &str, change: impl FnOnce(&ProgressBar)) {
        if let Some(bar) = self.by_file().get(name) {
            change(bar);
        }
    }

    /// Prints a line above the bars.
    pub(crate) fn say(&self, line: &str) {
        self.bars.suspend(|| message!("{}", visible(line)));
    }

    fn by_file(&self) -> MutexGuard<'_, HashMap<String, ProgressBar>> {
        self.by_file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn name_of(name: Option<&str>) -> &str {
    name.unwrap_or("the list of files")
}
