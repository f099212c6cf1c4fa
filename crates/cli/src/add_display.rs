//! The progress of an `add`, on the terminal and in a report.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use anyhow::Result;
use clipseek::{AddProgress, AddReport};
use indicatif::ProgressBar;

use crate::add_report::ReportFile;
use crate::download_arguments;
use crate::progress;
use crate::sources::{Reported, SkippedReport};
use crate::terminal::{message, visible};

/// Shows a bar while pictures are indexed, a line while they are downloaded.
pub(crate) struct AddDisplay {
    state: Mutex<State>,
    skipped: SkippedReport,
}

struct State {
    bar: ProgressBar,
    shown: Shown,
    /// When the work began.
    begun: Instant,
    /// When the current bar or line appeared.
    since: Instant,
    report: Option<ReportFile>,
    /// The first failure to write the report.
    failure: Option<anyhow::Error>,
}

/// The result of an `add`.
pub(crate) struct Ended {
    pub(crate) report: AddReport,
    /// The number of failures reported.
    pub(crate) new_failures: usize,
    /// The failures that `--watch` need not report again.
    pub(crate) reported: Reported,
}

/// What is shown now.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    Nothing,
    Indexing,
    Extracting,
    Fetching,
}

impl AddDisplay {
    /// A display that reports skipped files to `skipped` and writes a report to the file `report`.
    pub(crate) fn new(skipped: SkippedReport, report: Option<&Path>) -> Result<AddDisplay> {
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
                self.skipped.add(&state.bar, &problem.to_string());
                state.record(|report| report.skip(problem));
            }
            AddProgress::Failed(failure) => {
                self.skipped.add_picture(&state.bar, failure);
                state.record(|report| report.fail(failure));
            }
            AddProgress::EmptyFolder { path, is_excluding } => state.bar.suspend(|| {
                let path = path.to_string_lossy();
                let path = visible(&path);
                if *is_excluding {
                    message!("{path} has no pictures apart from those that --exclude skips");
                } else {
                    message!(
                        "{path} has no pictures any more; its indexed pictures stay in the collection, and searches find \
                         them again once the files are back and added"
                    );
                    message!("to remove them for good: clipseek collection forget {path}");
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
            AddProgress::Extracting(progress) => {
                state.show(Shown::Extracting);
                let done = download_arguments::state(progress, state.since.elapsed());
                let text = format!("extracting pictures from the table: {done}");
                state.bar.set_message(text);
            }
            AddProgress::Fetching { progress, indexed } => {
                state.show(Shown::Fetching);
                let done = download_arguments::state(progress, state.since.elapsed());
                let text = format!("downloading: {done}; {indexed} indexed");
                state.bar.set_message(text);
            }
            _ => {}
        }
    }

    /// Removes the bar, reports skipped files, and writes the report.
    pub(crate) fn finish(self, report: clipseek::Result<AddReport>) -> Result<Ended> {
        let state = self.state.into_inner();
        let state = state.unwrap_or_else(PoisonError::into_inner);
        state.bar.finish_and_clear();
        let (new_failures, reported) = self.skipped.finish();
        let report = report?;
        if let Some(failure) = state.failure {
            return Err(failure);
        }
        if let Some(file) = state.report {
            file.finish(&report)?;
        }
        Ok(Ended {
            report,
            new_failures,
            reported,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Replaces the current bar or line.
    fn show(&mut self, shown: Shown) -> &ProgressBar {
        if self.shown != shown {
            self.bar.finish_and_clear();
            self.bar = match shown {
                Shown::Nothing => ProgressBar::hidden(),
                Shown::Indexing => progress::bar(0, "indexing").with_elapsed(self.begun.elapsed()),
                Shown::Extracting | Shown::Fetching => download_arguments::line(),
            };
            self.shown = shown;
            self.since = Instant::now();
        }
        &self.bar
    }

    /// Writes to the report, if there is one. A failure is reported at the end.
    fn record(&mut self, write: impl FnOnce(&mut ReportFile) -> Result<()>) {
        if let (None, Some(report)) = (&self.failure, &mut self.report) {
            self.failure = write(report).err();
        }
    }
}
