//! How adding gets on, on the terminal and in a report.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use anyhow::Result;
use clipseek::{AddProgress, AddReport};
use indicatif::ProgressBar;

use crate::add_report::ReportFile;
use crate::downloading;
use crate::progress;
use crate::sources::{Skipped, Told};
use crate::terminal::{message, visible};

/// A bar while pictures are indexed, a line while they are fetched.
pub(crate) struct AddDisplay {
    state: Mutex<State>,
    skipped: Skipped,
}

struct State {
    bar: ProgressBar,
    shown: Shown,
    /// Since when something has been done.
    begun: Instant,
    /// Since when that is shown.
    since: Instant,
    report: Option<ReportFile>,
    /// What could not be written of the report.
    failure: Option<anyhow::Error>,
}

/// How an `add` has ended.
pub(crate) struct Ended {
    pub(crate) report: AddReport,
    /// How many failures were told.
    pub(crate) news: usize,
    /// The failures that a watcher need not be told again.
    pub(crate) told: Told,
}

/// What is shown at a time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    Nothing,
    Indexing,
    TakingOut,
    Fetching,
}

impl AddDisplay {
    /// With what was skipped told by `skipped`, and a report to be written at `report`.
    pub(crate) fn new(skipped: Skipped, report: Option<&Path>) -> Result<AddDisplay> {
        Ok(AddDisplay {
            state: Mutex::new(State {
                bar: ProgressBar::hidden(),
                shown: Shown::Nothing,
                begun: Instant::now(),
                since: Instant::now(),
                report: report.map(ReportFile::create).transpose()?,
                failure: None,
            }),
            skipped,
        })
    }

    pub(crate) fn show(&self, progress: &AddProgress<'_>) {
        let mut state = self.state();
        match progress {
            AddProgress::Skipped(problem) => {
                self.skipped.tell(&state.bar, &problem.to_string());
                state.record(|report| report.skip(problem));
            }
            AddProgress::Failed(failure) => {
                self.skipped.tell_of(&state.bar, failure);
                state.record(|report| report.fail(failure));
            }
            AddProgress::EmptyFolder { path, is_excluding } => state.bar.suspend(|| {
                let path = path.to_string_lossy();
                let path = visible(&path);
                match is_excluding {
                    true => message!("{path} holds no pictures but those that --exclude leaves out"),
                    false => message!(
                        "{path} holds no pictures now. Those indexed from it stay in the collection, and are found \
                         again once they are back and it is added again. To take them out for good: clipseek \
                         collection forget {path}"
                    ),
                }
            }),
            AddProgress::Indexing {
                done,
                total,
                failed,
            } => {
                let bar = state.show(Shown::Indexing);
                bar.set_length(*total);
                bar.set_position(*done as u64);
                if *failed > 0 {
                    bar.set_message(format!("indexing, {failed} failed"));
                }
            }
            AddProgress::TakingOut(progress) => {
                state.show(Shown::TakingOut);
                let done = downloading::state(progress, state.since.elapsed());
                let text = format!("taking pictures out of the table: {done}");
                state.bar.set_message(text);
            }
            AddProgress::Fetching { progress, indexed } => {
                state.show(Shown::Fetching);
                let done = downloading::state(progress, state.since.elapsed());
                let text = format!("fetching: {done}; {indexed} indexed");
                state.bar.set_message(text);
            }
            _ => {}
        }
    }

    /// Clears the screen, tells what was skipped, and writes the report.
    pub(crate) fn finish(self, report: clipseek::Result<AddReport>) -> Result<Ended> {
        let state = self.state.into_inner();
        let state = state.unwrap_or_else(PoisonError::into_inner);
        state.bar.finish_and_clear();
        let (news, told) = self.skipped.finish();
        let report = report?;
        if let Some(failure) = state.failure {
            return Err(failure);
        }
        if let Some(file) = state.report {
            file.finish(&report)?;
        }
        Ok(Ended { report, news, told })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The bar or the line for what is done now, in place of what was shown before.
    fn show(&mut self, shown: Shown) -> &ProgressBar {
        if self.shown != shown {
            self.bar.finish_and_clear();
            self.bar = match shown {
                Shown::Nothing => ProgressBar::hidden(),
                Shown::Indexing => progress::bar(0, "indexing").with_elapsed(self.begun.elapsed()),
                Shown::TakingOut | Shown::Fetching => downloading::line(),
            };
            self.shown = shown;
            self.since = Instant::now();
        }
        &self.bar
    }

    /// Writes to the report, if there is one. What fails is told in the end.
    fn record(&mut self, write: impl FnOnce(&mut ReportFile) -> Result<()>) {
        if let (None, Some(report)) = (&self.failure, &mut self.report) {
            self.failure = write(report).err();
        }
    }
}
