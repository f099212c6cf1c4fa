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
mod manifest;
mod outcome;
mod reason;
mod shard;
mod shelf;
mod worker;

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use picture::Limits;
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc::{self, Receiver};
use tokio::task::JoinSet;
use web::Retry;

pub use self::error::DownloadError;
pub use self::inspection::Resizing;
use self::journal::Journal;
use self::manifest::{ManifestRow, ManifestWriter};
pub use self::outcome::{FetchedPicture, KeptFile, Outcome};
pub use self::reason::Reason;
pub use self::shard::Shard;
use self::shelf::Shelf;
use self::worker::Worker;
use crate::{Address, FetchOptions, ProblemReason, Row, Source, WebAddress, place};

/// So many URLs wait for their turn, for each that can be asked at once: others go on while some wait
/// for a slow host.
const WAITING: usize = 8;
/// The journal is written after so many outcomes,
const WRITTEN_AT_ONCE: usize = 512;
/// or after this time.
const WRITTEN_AFTER: Duration = Duration::from_millis(100);

/// So many pictures that are in a table are decoded and kept at a time.
const KEPT_AT_ONCE: usize = 64;

/// How a list's pictures are fetched.
#[derive(Clone, Debug)]
pub struct DownloadOptions {
    /// How each is fetched.
    pub fetch: FetchOptions,
    /// How many requests may be in flight.
    pub at_once: usize,
    /// How many of them to one host.
    pub per_host: usize,
    /// How often what can pass is tried again.
    pub retry: Retry,
    /// What a picture may cost to decode.
    pub limits: Limits,
    /// What becomes of the pictures.
    pub keeping: Keeping,
    /// Try again what failed in an earlier run.
    pub retry_failed: bool,
}

/// What becomes of a picture that was fetched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keeping {
    /// It is kept as the server sent it.
    #[default]
    Original,
    /// It is made smaller and kept.
    Resized(Resizing),
    /// It is tested only.
    Nothing,
}

impl Default for DownloadOptions {
    /// 256 requests, 16 to one host; two attempts more, after at most 10 s, or a minute if the server
    /// asks for it.
    fn default() -> Self {
        Self {
            fetch: FetchOptions::default(),
            at_once: 256,
            per_host: 16,
            retry: Retry {
                attempts: 2,
                longest_asked: Duration::from_secs(60),
                ..Retry::default()
            },
            limits: Limits::default(),
            keeping: Keeping::default(),
            retry_failed: false,
        }
    }
}

impl DownloadOptions {
    /// What refuses URLs, by name, with the reason that they fail for: those are asked again once it has
    /// changed.
    fn refusals(&self) -> [(&'static str, String, Reason); 3] {
        let FetchOptions {
            reach,
            ignore_opt_out,
            bytes,
            ..
        } = &self.fetch;
        [
            ("reach", format!("{reach:?}"), Reason::PrivateAddress),
            (
                "ignore opt-out",
                ignore_opt_out.to_string(),
                Reason::OptedOut,
            ),
            ("bytes", bytes.to_string(), Reason::TooManyBytes),
        ]
    }
}

/// What stands for a URL in the journal: the first half of its SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key([u8; 16]);

impl Key {
    fn of(url: &str) -> Self {
        let mut key = [0; 16];
        key.copy_from_slice(&Sha256::digest(url.as_bytes())[..16]);
        Self(key)
    }
}

/// How far a run has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// URLs of which something has come, in this run or before.
    pub done: u64,
    /// Those of which something had come before.
    pub known: u64,
    /// Those that are pictures.
    pub pictures: u64,
    /// How many are not, by reason.
    pub failed: BTreeMap<Reason, u64>,
    /// The bytes of the pictures that came in this run.
    pub bytes: u64,
    /// Whether it was stopped before the end.
    pub stopped: bool,
}

impl Progress {
    /// Takes in how far another has come.
    pub fn join(&mut self, other: Self) {
        self.done += other.done;
        self.known += other.known;
        self.pictures += other.pictures;
        self.bytes += other.bytes;
        self.stopped |= other.stopped;
        for (reason, number) in other.failed {
            *self.failed.entry(reason).or_default() += number;
        }
    }

    fn count(&mut self, outcome: &Outcome, is_known: bool) {
        self.done += 1;
        self.known += u64::from(is_known);
        match &outcome.result {
            Ok(picture) => {
                self.pictures += 1;
                if !is_known {
                    self.bytes += picture.bytes;
                }
            }
            Err(reason) => *self.failed.entry(*reason).or_default() += 1,
        }
    }
}

/// What the rows of a list came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ManifestReport {
    /// How many rows the manifest has.
    pub rows: u64,
    /// How many of them are pictures.
    pub valid: u64,
    /// How many are not, by reason.
    pub invalid: BTreeMap<Reason, u64>,
}

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
        if options.retry_failed {
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
        let in_flight = Mutex::new(HashSet::new());
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
            let run = Run {
                download: self,
                stop,
                in_flight,
                progress: Progress::default(),
                unwritten: Vec::new(),
                written_at: Instant::now(),
            };
            // The feeder ends when nobody takes what it hands over.
            let progress = runtime.block_on(run.all(handed, &mut done));
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
        let has_any = self.has_inside(source)?;
        if !has_any {
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

    /// Whether the pictures are in the source's tables, by its first row.
    fn has_inside(&self, source: &Source) -> Result<bool, DownloadError> {
        let mut has_inside = false;
        source.rows(|_, _, row| {
            has_inside = row.is_ok_and(|row| row.inside.is_some());
            ControlFlow::Break(())
        })?;
        Ok(has_inside)
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
            if let Some(known) = self.known(key)? {
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
        in_flight: &Mutex<HashSet<Key>>,
    ) -> Result<Option<Item>, DownloadError> {
        let key = Key::of(address.as_str());
        if !lock(in_flight).insert(key) {
            return Ok(None);
        }
        Ok(Some(Item {
            known: self.known(key)?,
            address,
            key,
        }))
    }
}

/// What a row names.
enum Named {
    Web(WebAddress),
    File(PathBuf),
    /// The picture is in the row.
    Inside(String),
    Bad(Reason),
}

impl Named {
    fn of(source: &Source, table: &Path, line: u64, row: &Result<Row, ProblemReason>) -> Self {
        let Ok(row) = row else {
            return Self::Bad(Reason::BadRow);
        };
        if row.inside.is_some() {
            return Self::Inside(Address::inside(table, line).to_string());
        }
        match place::resolve(source.folder(), row.path.trim()) {
            Ok(Address::Web(address)) => Self::Web(address),
            Ok(Address::File(path)) => Self::File(path),
            Ok(Address::Inside(_)) | Err(ProblemReason::NoPath) => Self::Bad(Reason::BadRow),
            Err(_) => Self::Bad(Reason::InvalidUrl),
        }
    }

    /// The URL in its usual form; of anything else what is `written`.
    fn text<'a>(&'a self, written: &'a str) -> &'a str {
        match self {
            Self::Web(address) => address.as_str(),
            Self::Inside(text) => text,
            Self::File(_) | Self::Bad(_) => written,
        }
    }
}

/// The URLs of the rows of a source, handed to `take`.
///
/// # Errors
/// As [`Source::rows`].
pub fn addresses(
    source: &Source,
    shard: Option<Shard>,
    mut take: impl FnMut(WebAddress) -> ControlFlow<()>,
) -> crate::Result<()> {
    source.rows(
        |table, line, row| match Named::of(source, table, line, &row) {
            Named::Web(address) if shard.is_none_or(|shard| shard.has(address.as_str())) => {
                take(address)
            }
            _ => ControlFlow::Continue(()),
        },
    )
}

/// A URL, and what is known of it.
struct Item {
    address: WebAddress,
    key: Key,
    known: Option<Outcome>,
}

/// A run through a list.
struct Run<'a> {
    download: &'a Download,
    stop: &'a AtomicBool,
    in_flight: &'a Mutex<HashSet<Key>>,
    progress: Progress,
    /// What has come and is not in the journal yet.
    unwritten: Vec<(WebAddress, Key, Outcome)>,
    written_at: Instant,
}

impl Run<'_> {
    async fn all<E: From<DownloadError>>(
        mut self,
        mut handed: Receiver<Item>,
        done: &mut impl FnMut(&WebAddress, &Outcome, &Progress) -> Result<(), E>,
    ) -> Result<Progress, E> {
        let Download { options, shelf, .. } = self.download;
        let worker =
            Arc::new(Worker::new(options, Arc::clone(shelf)).map_err(DownloadError::from)?);
        let most = WAITING * options.at_once.max(1);
        let mut tasks = JoinSet::new();
        let mut is_fed = false;
        let mut tick = tokio::time::interval(WRITTEN_AFTER / 4);
        while !(is_fed && tasks.is_empty()) {
            tokio::select! {
                item = handed.recv(), if !is_fed && tasks.len() < most => match item {
                    Some(Item { address, known: Some(outcome), key }) => {
                        lock(self.in_flight).remove(&key);
                        self.progress.count(&outcome, true);
                        done(&address, &outcome, &self.progress)?;
                    }
                    Some(Item { address, key, known: None }) => {
                        let worker = Arc::clone(&worker);
                        tasks.spawn(async move {
                            let outcome = worker.outcome(&address).await;
                            (address, key, outcome)
                        });
                    }
                    None => is_fed = true,
                },
                Some(finished) = tasks.join_next() => match finished {
                    Ok((address, key, outcome)) => self.unwritten.push((address, key, outcome?)),
                    Err(failure) => std::panic::resume_unwind(failure.into_panic()),
                },
                _ = tick.tick() => {}
            }
            self.write_in_time(done)?;
            if self.stop.load(Ordering::Relaxed) {
                self.progress.stopped = true;
                break;
            }
        }
        tasks.abort_all();
        self.write(done)?;
        Ok(self.progress)
    }

    fn write_in_time<E: From<DownloadError>>(
        &mut self,
        done: &mut impl FnMut(&WebAddress, &Outcome, &Progress) -> Result<(), E>,
    ) -> Result<(), E> {
        let is_much = self.unwritten.len() >= WRITTEN_AT_ONCE;
        match is_much || self.written_at.elapsed() >= WRITTEN_AFTER {
            true => self.write(done),
            false => Ok(()),
        }
    }

    /// Writes what has come to the journal, and then tells of it.
    fn write<E: From<DownloadError>>(
        &mut self,
        done: &mut impl FnMut(&WebAddress, &Outcome, &Progress) -> Result<(), E>,
    ) -> Result<(), E> {
        self.written_at = Instant::now();
        let unwritten = std::mem::take(&mut self.unwritten);
        if unwritten.is_empty() {
            return Ok(());
        }
        let outcomes = unwritten.iter().map(|(_, key, it)| (*key, it.clone()));
        self.download.journal.write(&outcomes.collect::<Vec<_>>())?;
        for (address, key, outcome) in unwritten {
            lock(self.in_flight).remove(&key);
            self.progress.count(&outcome, false);
            done(&address, &outcome, &self.progress)?;
        }
        Ok(())
    }
}

/// What is within is whole whatever panicked.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
