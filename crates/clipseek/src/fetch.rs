//! Adding pictures that are not local files: pictures behind URLs, which are downloaded, decoded and embedded at the same
//! time, and pictures inside tables.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use clip::Model;
use dataset::{Address, Download, FetchedPicture, Listing, Outcome, Progress, Record, WebAddress};
use search::{AddEvent, AddOptions, Collection, Failure, IngestReport, NewRecord};

use crate::add_request::{AddProgress, AddRequest, Fetched, Watcher};
use crate::clipseek::Clipseek;
use crate::error::{Error, Result};
use crate::sources::{absolute, file_location, new_record};
use crate::table_columns::TableColumns;

/// The maximum number of downloaded pictures that wait to be added.
const WAITING: usize = 1024;

/// Whether the listing has pictures that are not local files.
pub(crate) fn is_needed(listing: &Listing) -> Result<bool> {
    let mut others = listing.inside().chain(listing.web());
    Ok(others.next().transpose()?.is_some())
}

/// Downloads or extracts the pictures of the listing that are not local files, and adds them. Also returns the result of
/// downloads, if there were any.
pub(crate) fn add(
    clipseek: &Clipseek,
    request: &AddRequest,
    model: &Model,
    collection: &Collection<'_>,
    listing: &Listing,
    stop: &AtomicBool,
    watcher: &Watcher<'_>,
) -> Result<(IngestReport, Option<Fetched>)> {
    let failed = |source| Error::PictureDownload {
        collection: collection.name().to_owned(),
        source: Box::new(source),
    };
    let folder = absolute(&clipseek.store()?.downloads(collection.name()))?;
    let fetching = Fetching {
        clipseek,
        request,
        model,
        collection,
        listing,
        download: Download::open(&folder, request.download.clone()).map_err(failed)?,
        folder,
        stop,
        watcher,
        failures: Mutex::default(),
        indexed: AtomicUsize::new(0),
    };
    fetching.extract()?;
    fetching.run()
}

struct Fetching<'a> {
    clipseek: &'a Clipseek,
    request: &'a AddRequest,
    model: &'a Model,
    collection: &'a Collection<'a>,
    listing: &'a Listing,
    download: Download,
    /// The folder of the collection's downloaded pictures.
    folder: PathBuf,
    stop: &'a AtomicBool,
    watcher: &'a Watcher<'a>,
    /// The number of failed downloads by reason.
    failures: Mutex<BTreeMap<String, usize>>,
    indexed: AtomicUsize,
}

impl Fetching<'_> {
    /// Extracts pictures from tables.
    fn extract(&self) -> Result<()> {
        if self.listing.inside().next().transpose()?.is_none() {
            return Ok(());
        }
        let request = self.request;
        for location in &request.sources {
            let store = self.clipseek.store()?;
            let before = TableColumns::of(store, self.collection.name(), location);
            let read = request.read.with_columns(before.as_ref());
            let table = match self.clipseek.table(location, &read) {
                // Other sources have no pictures inside.
                Err(Error::Dataset(error)) if is_no_table(&error) => continue,
                table => table?,
            };
            let show = |progress: &Progress| (self.watcher)(AddProgress::Extracting(progress));
            self.download.take_inside(&table, None, self.stop, show)?;
        }
        Ok(())
    }

    /// Adds the extracted pictures, and at the same time downloads and adds the others.
    fn run(&self) -> Result<(IngestReport, Option<Fetched>)> {
        let has_urls = self.listing.web().next().transpose()?.is_some();
        let start = Instant::now();
        let (arrived, arriving) = sync_channel(WAITING);
        let (added, fetched) = thread::scope(|scope| {
            let fetching = scope.spawn(move || {
                let fetched = has_urls.then(|| self.fetch(&arrived));
                fetched.transpose()
            });
            let inside = self.listing.inside();
            let inside = inside.filter_map(|record| self.extracted(record).transpose());
            let added = self.add(inside.chain(arriving.into_iter().map(Ok)), has_urls);
            let fetched = fetching.join().unwrap_or_else(|panic| resume_unwind(panic));
            (added, fetched)
        });
        let (mut report, fetched) = (added?, fetched?);
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        for (reason, number) in &*failures {
            report.failed += number;
            *report.reasons.entry(reason.clone()).or_default() += number;
        }
        let took = start.elapsed();
        let fetched = fetched.map(|progress| Fetched { progress, took });
        report.stopped |= fetched.as_ref().is_some_and(|it| it.progress.stopped);
        Ok((report, fetched))
    }

    /// Adds pictures, with the limits of the download.
    fn add(
        &self,
        records: impl Iterator<Item = Result<NewRecord>> + Send,
        is_fetching: bool,
    ) -> Result<IngestReport> {
        let waiting = || self.clipseek.report_waiting();
        let options = AddOptions {
            limits: self.request.download.limits.clone(),
            stop: self.stop,
            waiting: &waiting,
            ..AddOptions::default()
        };
        let model = self.model;
        self.collection
            .add(model, records, &options, |event| match event {
                // During downloads, their progress is reported instead.
                AddEvent::Progress(report) if is_fetching => {
                    self.indexed.store(report.done(), Ordering::Relaxed);
                }
                AddEvent::Progress(report) => (self.watcher)(AddProgress::Indexing {
                    done: report.done(),
                    total: self.listing.pictures() - self.listing.file_count(),
                    failed: report.failed,
                }),
                AddEvent::Failed(failure) => (self.watcher)(AddProgress::Failed(failure)),
            })
    }

    /// The record of an extracted picture; `None` if it failed or a stop came first.
    fn extracted(&self, record: dataset::Result<Record>) -> Result<Option<NewRecord>> {
        let record = record?;
        let Address::Inside(text) = &record.address else {
            return Ok(None);
        };
        let failure = match self.download.outcome_inside(text)? {
            Some(outcome) => match &outcome.result {
                Ok(picture) => return Ok(Some(with_file(record, picture, &self.folder))),
                Err(_) => failure(text, &outcome),
            },
            None if self.stop.load(Ordering::Relaxed) => return Ok(None),
            None => vanished(text),
        };
        self.fail(&failure);
        Ok(None)
    }

    /// Downloads pictures and sends them to the thread that adds them.
    fn fetch(&self, arrived: &SyncSender<NewRecord>) -> Result<Progress> {
        let feed = |take: &mut dyn FnMut(WebAddress) -> ControlFlow<()>| {
            for record in self.listing.web() {
                if let Address::Web(address) = record?.address
                    && take(address).is_break()
                {
                    break;
                }
            }
            Ok::<_, Error>(())
        };
        self.download
            .run(self.stop, feed, |address, outcome, progress| {
                let indexed = self.indexed.load(Ordering::Relaxed);
                (self.watcher)(AddProgress::Fetching { progress, indexed });
                let Ok(picture) = &outcome.result else {
                    self.fail(&failure(&address.to_string(), outcome));
                    return Ok(());
                };
                let Some(record) = self.listing.at(&Address::Web(address.clone()))? else {
                    return Ok(());
                };
                let sent = arrived.send(with_file(record, picture, &self.folder));
                // The receiver is gone after a stop, where the download ends by itself, or because adding failed.
                if sent.is_err() && !self.stop.load(Ordering::Relaxed) {
                    return Err(Error::AddingEnded);
                }
                Ok(())
            })
    }

    fn fail(&self, failure: &Failure) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        *failures.entry(failure.reason.clone()).or_default() += 1;
        (self.watcher)(AddProgress::Failed(failure));
    }
}

fn is_no_table(error: &dataset::Error) -> bool {
    use dataset::Error::{NoTable, UnknownKind};
    matches!(error, NoTable { .. } | UnknownKind { .. })
}

/// The record of a picture that is now a file.
fn with_file(record: Record, picture: &FetchedPicture, folder: &Path) -> NewRecord {
    let file = picture.file.as_ref();
    NewRecord {
        file: file.map(|file| file_location(&folder.join(&file.path))),
        ..new_record(record)
    }
}

fn failure(location: &str, outcome: &Outcome) -> Failure {
    let reason = outcome.result.as_ref().err();
    let reason = reason.map_or("", |reason| reason.words());
    let message = match outcome.status {
        Some(status) => format!("{reason} (status {status})"),
        None => reason.to_owned(),
    };
    Failure {
        location: location.to_owned(),
        reason: reason.to_owned(),
        message,
    }
}

/// The failure of a picture whose row or file disappeared after it was listed.
fn vanished(location: &str) -> Failure {
    Failure {
        location: location.to_owned(),
        reason: "vanished".to_owned(),
        message: "the table or the store changed during the run; run the same command again"
            .to_owned(),
    }
}
