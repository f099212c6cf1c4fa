//! Checks the URLs of a list and downloads their pictures: many at once, each within limits, none twice.
//!
//! A [`Download`] is a folder:
//!
//! ```text
//! images/ab/abcd….jpg    the pictures, by the SHA-256 of the bytes the server sent
//! manifest.parquet       a row for each row of the list, with the outcome
//! journal.sqlite3        the outcome of each URL so far
//! ```
//!
//! Outcomes are written to the journal in batches, a few times a second. An interrupted run continues from
//! there: URLs in the journal aren't requested again. The journal has URLs and not rows. So the list may
//! change meanwhile, and a URL in two rows is fetched once. The manifest is written at the end, from the list
//! and the journal.
//!
//! A URL passes through four stages of limited capacity: waiting for its host, a request slot, decoding on as
//! many threads as the machine has, and writing. Rows are read only as there is room, so memory doesn't grow
//! with the list.

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

/// Pictures within tables that are decoded and stored at a time.
const KEPT_AT_ONCE: usize = 64;

/// A folder of downloaded pictures, and the outcomes of their URLs.
#[derive(Debug)]
pub struct Download {
    folder: PathBuf,
    options: DownloadOptions,
    journal: Journal,
    shelf: Arc<Shelf>,
    /// The folder's lock: one process at a time changes the folder.
    _lock: File,
}

impl Download {
    /// Opens the folder. Creates it if it doesn't exist.
    ///
    /// # Errors
    /// [`DownloadError::Busy`] if another process has it open, [`DownloadError::OtherKeeping`] if its
    /// pictures were stored in another way, [`DownloadError::Journal`] or [`DownloadError::NotAJournal`], and
    /// [`DownloadError::Write`].
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

    /// The outcome of a URL, if known.
    ///
    /// # Errors
    /// [`DownloadError::Journal`].
    pub fn outcome(&self, address: &WebAddress) -> Result<Option<Outcome>, DownloadError> {
        self.known(Key::of(address.as_str()))
    }

    /// Downloads the URLs of `feed` until `stop` is set. Calls `done` with each outcome once it is in the
    /// journal. A URL that is already being fetched isn't fetched again.
    ///
    /// # Errors
    /// Those of `feed` and `done`, [`DownloadError::Journal`] and [`DownloadError::Write`]. A bad URL is an
    /// [`Outcome`], not an error.
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
                    if is_taken {
                        ControlFlow::Continue(())
                    } else {
                        ControlFlow::Break(())
                    }
                });
                fed.and(failed.map_or(Ok(()), |error| Err(error.into())))
            });
            let run = Run::new(&self.journal, stop, in_flight);
            // The feeder ends when its receiver is dropped.
            let progress = runtime.block_on(run.all(&self.options, &self.shelf, handed, &mut done));
            let fed = feeding.join();
            fed.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                .and(progress)
        });
        // Don't wait for abandoned requests.
        runtime.shutdown_background();
        progress
    }

    /// Stores the pictures within the tables of a source like downloaded ones, until `stop` is set. Calls
    /// `done` with the progress.
    ///
    /// # Errors
    /// If the source can't be read, or a picture can't be stored.
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
            // The row may contain another picture by now.
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

    /// The outcome of the picture in a row, by its [`Address::Inside`].
    ///
    /// # Errors
    /// [`DownloadError::Journal`].
    pub fn outcome_inside(&self, text: &str) -> Result<Option<Outcome>, DownloadError> {
        self.known(Key::of(text))
    }

    /// The path of the manifest, or of a part's manifest.
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

    /// Writes the manifest of the rows of `sources`, in their order.
    ///
    /// Writes `manifest.parquet` and, if `with_lines` or if it already exists, `manifest.jsonl`; for a part,
    /// with `-N-of-COUNT` before the dot. Leaves out URLs without an outcome.
    ///
    /// # Errors
    /// If a source can't be read, or a manifest can't be written.
    pub fn write_manifest(
        &self,
        sources: &[Source],
        shard: Option<Shard>,
        with_lines: bool,
    ) -> Result<ManifestReport, DownloadError> {
        let path = self.manifest(shard);
        // An existing one of other rows would mislead.
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

    /// The earlier outcome of a URL, if its picture still exists.
    fn known(&self, key: Key) -> Result<Option<Outcome>, DownloadError> {
        let outcome = self.journal.outcome(key)?;
        Ok(outcome.filter(|outcome| match &outcome.result {
            Ok(FetchedPicture {
                file: Some(file), ..
            }) => self.shelf.has(file),
            _ => true,
        }))
    }

    /// The work to do for a URL; `None` if it's already being done.
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
