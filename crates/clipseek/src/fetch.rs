//! Adding pictures that are not files yet: those of URLs, which are fetched, decoded and embedded at the same time,
//! and those within tables.

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

/// So many that were fetched wait to be added; then no more are fetched.
const WAITING: usize = 1024;

/// Whether some of the listing's pictures are not files of this machine.
pub(crate) fn is_needed(listing: &Listing) -> Result<bool> {
    let mut others = listing.inside().chain(listing.web());
    Ok(others.next().transpose()?.is_some())
}

/// Brings the pictures of the listing that are elsewhere into the store, and adds them. Also tells how fetching went,
/// if anything was fetched.
pub(crate) fn add(
    clipseek: &Clipseek,
    request: &AddRequest,
    model: &Model,
    collection: &Collection<'_>,
    listing: &Listing,
    stop: &AtomicBool,
    watcher: &Watcher<'_>,
) -> Result<(IngestReport, Option<Fetched>)> {
    let failed = |source| Error::FetchedPictures {
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
    fetching.take_out()?;
    fetching.run()
}

struct Fetching<'a> {
    clipseek: &'a Clipseek,
    request: &'a AddRequest,
    model: &'a Model,
    collection: &'a Collection<'a>,
    listing: &'a Listing,
    download: Download,
    /// The folder of the collection's fetched pictures.
    folder: PathBuf,
    stop: &'a AtomicBool,
    watcher: &'a Watcher<'a>,
    /// How many could not be fetched, for each reason.
    failures: Mutex<BTreeMap<String, usize>>,
    indexed: AtomicUsize,
}

impl Fetching<'_> {
    /// Takes the pictures that are inside tables out of them.
    fn take_out(&self) -> Result<()> {
        if self.listing.inside().next().transpose()?.is_none() {
            return Ok(());
        }
        let request = self.request;
        for location in &request.sources {
            let store = self.clipseek.store()?;
            let before = TableColumns::of(store, self.collection.name(), location);
            let read = request.read.with_columns(before.as_ref());
            let table = match self.clipseek.table(location, &read) {
                // Whatever else is among the sources has no pictures inside.
                Err(Error::Dataset(error)) if is_no_table(&error) => continue,
                table => table?,
            };
            let show = |progress: &Progress| (self.watcher)(AddProgress::TakingOut(progress));
            self.download.take_inside(&table, None, self.stop, show)?;
        }
        Ok(())
    }

    /// Adds the pictures that were inside tables, and at the same time fetches and adds those of URLs.
    fn run(&self) -> Result<(IngestReport, Option<Fetched>)> {
        let has_urls = self.listing.web().next().transpose()?.is_some();
        let start = Instant::now();
        let (arrived, arriving) = sync_channel(WAITING);
        let (added, fetched) = thread::scope(|scope| {
            let fetching = scope.spawn(move || match has_urls {
                true => self.fetch(&arrived).map(Some),
                false => Ok(None),
            });
            let inside = self.listing.inside();
            let inside = inside.filter_map(|record| self.taken_out(record).transpose());
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

    /// Adds pictures, within the limits that they were fetched with.
    fn add(
        &self,
        records: impl Iterator<Item = Result<NewRecord>> + Send,
        is_fetching: bool,
    ) -> Result<IngestReport> {
        let waiting = || self.clipseek.tell_of_waiting();
        let options = AddOptions {
            limits: self.request.download.limits.clone(),
            stop: self.stop,
            waiting: &waiting,
            ..AddOptions::default()
        };
        let model = self.model;
        self.collection
            .add(model, records, &options, |event| match event {
                // While URLs are fetched, that tells how it gets on.
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

    /// What is to be added of a picture inside a table; none of one that came to nothing, or that a stop left there.
    fn taken_out(&self, record: dataset::Result<Record>) -> Result<Option<NewRecord>> {
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

    /// Fetches the pictures of URLs, and sends on those that come.
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
                // Nobody takes more: it was stopped, and the download ends by itself; or adding has failed, and says why.
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

/// What the collection needs of a picture that is now a file.
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

/// A picture that was listed, and whose row or file is gone since.
fn vanished(location: &str) -> Failure {
    Failure {
        location: location.to_owned(),
        reason: "vanished".to_owned(),
        message: "the table or the store changed during the run; the same command adds this picture if it is still there"
            .to_owned(),
    }
}
