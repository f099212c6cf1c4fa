//! Testing the URLs of a list and fetching their pictures: many at once, each within limits, none
//! twice.
//!
//! A [`Download`] is a folder:
//!
//! ```text
//! images/ab/abcd….jpg    the pictures, by the SHA-256 of what the server sent
//! manifest.parquet       a row for each row of the list, and what came of it
//! journal.sqlite3        what came of each URL so far
//! ```
//!
//! What comes of a URL is written to the journal, together with that of others, a few times a second.
//! A run that was interrupted, however, goes on from there: what the journal has is not asked for
//! again. The journal knows URLs and not rows, so that the list may change meanwhile, and the same
//! URL in two rows is fetched once. The manifest is made at the end from the list and the journal.
//!
//! A URL goes through four stages, each with room for so many: its turn at its host, a request's slot,
//! decoding, which takes as many threads as there are, and being written. Rows are read as there
//! is room, so that memory does not grow with the list.

mod error;
mod hosts;
mod inspection;
mod journal;
mod keeping;
mod key;
mod manifest;
mod named;
mod options;
mod outcome;
mod progress;
mod reason;
mod run;
mod shard;
mod shelf;
mod worker;

use std::fs::{self, File};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use picture::ContentHash;
use rayon::prelude::*;
use tokio::sync::mpsc;

pub use self::error::DownloadError;
use self::journal::Journal;
pub use self::keeping::{Keeping, Resizing};
use self::key::Key;
pub use self::manifest::ManifestReport;
use self::manifest::{ManifestRow, ManifestWriter};
use self::named::Named;
pub use self::named::addresses;
pub use self::options::DownloadOptions;
pub use self::outcome::{FetchedPicture, KeptFile, Outcome};
pub use self::progress::Progress;
pub use self::reason::Reason;
use self::run::{InFlight, Item, Run};
pub use self::shard::Shard;
use self::shelf::Shelf;
use crate::{Address, ProblemReason, Row, Source, WebAddress};

/// So many pictures that are in a table are decoded and kept at a time.
const KEPT_AT_ONCE: usize = 64;

/// A folder of fetched pictures, and what came of their URLs.
#[derive(Debug)]
pub struct Download {
    folder: PathBuf,
    options: DownloadOptions,
    journal: Journal,
    shelf: Arc<Shelf>,
    /// Held as long as this is there: one process at a time changes the folder.
    _lock: File,
}

impl Download {
    /// Opens the folder, which is made if it is not there.
    ///
    /// # Errors
    /// [`DownloadError::Busy`] while another process has it open, [`DownloadError::OtherKeeping`] when
    /// its pictures were kept in another way, and when it cannot be written to.
    pub fn open(folder: &Path, options: DownloadOptions) -> Result<Self, DownloadError> {
        let write_error = DownloadError::write(folder);
        fs::create_dir_all(folder).map_err(&write_error)?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(folder.join(".lock"))
            .map_err(&write_error)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                return Err(DownloadError::Busy {
                    folder: folder.to_owned(),
                });
            }
            Err(fs::TryLockError::Error(error)) => return Err(write_error(error)),
        }
        let journal = Journal::open(&folder.join("journal.sqlite3"))?;
        let keeping = options.keeping.to_string();
        match journal.setting("keeping")? {
            Some(before) if before == keeping => {}
            Some(before) if before != Keeping::Nothing.to_string() => {
                return Err(DownloadError::OtherKeeping {
                    folder: folder.to_owned(),
                    before,
                    now: keeping,
                });
            }
            _ => journal.set("keeping", &keeping, journal::NOT_KEPT)?,
        }
        for (name, value, reason) in options.refusals() {
            if journal.setting(name)?.as_deref() != Some(&value) {
                journal.set(name, &value, &journal::failed_for(reason))?;
            }
        }
        if options.refetch {
            journal.forget_all()?;
        } else if options.retry_failed {
            journal.forget_failed()?;
        }
        Ok(Self {
            shelf: Arc::new(Shelf::open(folder).map_err(&write_error)?),
            folder: folder.to_owned(),
            options,
            journal,
            _lock: lock,
        })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What came of a URL, if something did.
    ///
    /// # Errors
    /// [`DownloadError::Journal`].
    pub fn outcome(&self, address: &WebAddress) -> Result<Option<Outcome>, DownloadError> {
        self.known(Key::of(address.as_str()))
    }

    /// Fetches what `feed` hands over, until `stop`. `done` sees what came of each, once it is in the
    /// journal. A URL that is handed over while it is being fetched is not fetched again.
    ///
    /// # Errors
    /// What `feed` or `done` fail with, [`DownloadError::Journal`] and [`DownloadError::Write`]. What is
    /// wrong with a URL is an [`Outcome`].
    pub fn run<E: From<DownloadError> + Send>(
        &self,
        stop: &AtomicBool,
        feed: impl FnOnce(&mut dyn FnMut(WebAddress) -> ControlFlow<()>) -> Result<(), E> + Send,
        mut done: impl FnMut(&WebAddress, &Outcome, &Progress) -> Result<(), E>,
    ) -> Result<Progress, E> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(DownloadError::write(&self.folder))?;
        let (waiting, handed) = mpsc::channel(self.options.at_once);
        let in_flight = InFlight::default();
        let progress = std::thread::scope(|scope| {
            let in_flight = &in_flight;
            let feeding = scope.spawn(move || {
                let mut failed = None;
                let fed = feed(&mut |address| {
                    let is_taken = match self.item(address, in_flight) {
                        Ok(Some(item)) => waiting.blocking_send(item).is_ok(),
                        Ok(None) => true,
                        Err(error) => {
                            failed = Some(error);
                            false
                        }
                    };
                    match is_taken {
                        true => ControlFlow::Continue(()),
                        false => ControlFlow::Break(()),
                    }
                });
                fed.and(failed.map_or(Ok(()), |error| Err(error.into())))
            });
            let run = Run::new(&self.journal, stop, in_flight);
            // The feeder ends when nobody takes what it hands over.
            let progress = runtime.block_on(run.all(&self.options, &self.shelf, handed, &mut done));
            let fed = feeding.join();
            fed.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                .and(progress)
        });
        // Requests that were given up are not waited for.
        runtime.shutdown_background();
        progress
    }

    /// Keeps the pictures that are in the tables of a source, as those of URLs are kept, until `stop`.
    /// `done` sees how far it has come.
    ///
    /// # Errors
    /// When the source cannot be read, or a picture not be kept.
    pub fn take_inside(
        &self,
        source: &Source,
        shard: Option<Shard>,
        stop: &AtomicBool,
        mut done: impl FnMut(&Progress),
    ) -> Result<Progress, DownloadError> {
        let mut progress = Progress::default();
        let (mut pending, mut failed) = (Vec::new(), None);
        if !source.has_inside()? {
            return Ok(progress);
        }
        source.rows_with_pictures(|table, line, row| {
            progress.stopped = stop.load(Ordering::Relaxed);
            if progress.stopped {
                return ControlFlow::Break(());
            }
            let Ok(Row {
                inside: Some(inside),
                ..
            }) = row
            else {
                return ControlFlow::Continue(());
            };
            let text = Address::inside(table, line).to_string();
            if shard.is_none_or(|shard| shard.has(&text)) {
                pending.push((Key::of(&text), inside.bytes.unwrap_or_default()));
            }
            if pending.len() >= KEPT_AT_ONCE {
                failed = self.keep_inside(&mut pending, &mut progress).err();
                done(&progress);
            }
            match failed {
                None => ControlFlow::Continue(()),
                Some(_) => ControlFlow::Break(()),
            }
        })?;
        if let Some(error) = failed {
            return Err(error);
        }
        self.keep_inside(&mut pending, &mut progress)?;
        done(&progress);
        Ok(progress)
    }

    fn keep_inside(
        &self,
        pending: &mut Vec<(Key, Vec<u8>)>,
        progress: &mut Progress,
    ) -> Result<(), DownloadError> {
        let DownloadOptions {
            limits, keeping, ..
        } = &self.options;
        let outcomes = std::mem::take(pending).into_par_iter().map(|(key, bytes)| {
            // The row may hold another picture by now.
            if let Some(known) = self.known(key)?
                && let Ok(picture) = &known.result
                && picture.sha256 == ContentHash::of(&bytes)
            {
                return Ok((key, known, true));
            }
            let outcome = Outcome {
                result: self.shelf.take(bytes, limits, *keeping)?,
                status: None,
                time: SystemTime::now(),
            };
            Ok((key, outcome, false))
        });
        let outcomes = outcomes.collect::<Result<Vec<_>, DownloadError>>()?;
        let fresh = outcomes.iter().filter(|(.., is_known)| !is_known);
        let fresh: Vec<_> = fresh
            .map(|(key, outcome, _)| (*key, outcome.clone()))
            .collect();
        self.journal.write(&fresh)?;
        for (_, outcome, is_known) in &outcomes {
            progress.count(outcome, *is_known);
        }
        Ok(())
    }

    /// What came of the picture in a row, by its [`Address::Inside`].
    ///
    /// # Errors
    /// [`DownloadError::Journal`].
    pub fn outcome_inside(&self, text: &str) -> Result<Option<Outcome>, DownloadError> {
        self.known(Key::of(text))
    }

    /// Where the manifest is, or that of a part.
    pub fn manifest(&self, shard: Option<Shard>) -> PathBuf {
        let name = match shard {
            None => "manifest.parquet".to_owned(),
            Some(shard) => format!(
                "manifest-{}.parquet",
                shard.to_string().replace('/', "-of-")
            ),
        };
        self.folder.join(name)
    }

    /// Writes the manifest of the rows of `sources`, in their order: `manifest.parquet` and, if
    /// `with_lines` or if there is one already, `manifest.jsonl`; with `-N-of-COUNT` before the dot, if of a
    /// part. URLs of which nothing has come are left out.
    ///
    /// # Errors
    /// When a source cannot be read, or a manifest not be written.
    pub fn write_manifest(
        &self,
        sources: &[Source],
        shard: Option<Shard>,
        with_lines: bool,
    ) -> Result<ManifestReport, DownloadError> {
        let path = self.manifest(shard);
        // One that is not of the same rows any more would mislead.
        let with_lines = with_lines || path.with_extension("jsonl").exists();
        let mut writer = ManifestWriter::create(&path, with_lines)?;
        let mut report = ManifestReport::default();
        for source in sources {
            let mut failed = None;
            source.rows(|table, line, row| {
                let named = Named::of(source, table, line, &row);
                match self.write_row(&named, row, shard, &mut writer, &mut report) {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(error) => {
                        failed = Some(error);
                        ControlFlow::Break(())
                    }
                }
            })?;
            if let Some(error) = failed {
                return Err(error);
            }
        }
        writer.finish()?;
        Ok(report)
    }

    fn write_row(
        &self,
        named: &Named,
        row: Result<Row, ProblemReason>,
        shard: Option<Shard>,
        writer: &mut ManifestWriter,
        report: &mut ManifestReport,
    ) -> Result<(), DownloadError> {
        let row = row.unwrap_or_default();
        let written = row.path.trim();
        if shard.is_some_and(|shard| !shard.has(named.text(written))) {
            return Ok(());
        }
        let Some(outcome) = self.outcome_of(named)? else {
            return Ok(());
        };
        let url = named.text(written);
        let captions = row.captions.iter().map(|caption| Some(caption.trim()));
        let captions = captions.filter(|caption| *caption != Some(""));
        let mut captions: Vec<Option<&str>> = captions.collect();
        if captions.is_empty() {
            captions.push(None);
        }
        for caption in captions {
            writer.write(&ManifestRow::new(url, caption, &outcome))?;
            report.rows += 1;
            match outcome.result {
                Ok(_) => report.valid += 1,
                Err(reason) => *report.invalid.entry(reason).or_default() += 1,
            }
        }
        Ok(())
    }

    fn outcome_of(&self, named: &Named) -> Result<Option<Outcome>, DownloadError> {
        match named {
            Named::Web(address) => self.outcome(address),
            Named::Inside(text) => self.known(Key::of(text)),
            Named::File(path) => Ok(Some(Outcome::of_file(path, &self.options.limits))),
            Named::Bad(reason) => Ok(Some(Outcome::failed(*reason, None))),
        }
    }

    /// What came of a URL before, if its picture is still there.
    fn known(&self, key: Key) -> Result<Option<Outcome>, DownloadError> {
        let outcome = self.journal.outcome(key)?;
        Ok(outcome.filter(|outcome| match &outcome.result {
            Ok(FetchedPicture {
                file: Some(file), ..
            }) => self.shelf.has(file),
            _ => true,
        }))
    }

    /// What there is to do about a URL; nothing if it is being done.
    fn item(
        &self,
        address: WebAddress,
        in_flight: &InFlight,
    ) -> Result<Option<Item>, DownloadError> {
        let key = Key::of(address.as_str());
        if !in_flight.begin(key) {
            return Ok(None);
        }
        Ok(Some(Item {
            known: self.known(key)?,
            address,
            key,
        }))
    }
}
