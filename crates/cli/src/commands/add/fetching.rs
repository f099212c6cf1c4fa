//! Pictures that are not files yet: those of URLs, which are fetched, decoded and embedded at the same
//! time, and those within tables.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Instant;

use anyhow::Result;
use dataset::{Address, Download, FetchedPicture, Outcome, Progress, Record, WebAddress};
use search::{AddEvent, AddOptions, Failure, NewRecord};

use super::{Ingested, Run, tell_of_waiting, with_bar};
use crate::downloading;
use crate::error::Error;
use crate::sources::{new_record, place};
use crate::terminal::message;

/// So many that were fetched wait to be added; then no more are fetched.
const WAITING: usize = 1024;

/// The folder of a collection's fetched pictures.
impl Run<'_> {
    /// Brings the pictures of the records into the store, and adds them.
    pub(super) fn bring(&self, records: &[Record]) -> Result<Ingested> {
        let folder = dataset::absolute(&self.store.downloads(self.collection.name()))?;
        let download = Download::open(&folder, self.arguments.download.options(false));
        let download = download.map_err(|source| Error::FetchedPictures {
            collection: self.collection.name().to_owned(),
            source: Box::new(source),
        })?;
        let inside: Vec<(&str, &Record)> = records.iter().filter_map(of_table).collect();
        let mut report = match inside.is_empty() {
            true => Ingested::default(),
            false => self.take_out(&inside, &folder, &download)?,
        };
        if inside.len() < records.len() && !report.counts.stopped {
            report.join(self.fetch(records, folder, &download)?);
        }
        Ok(report)
    }

    /// Takes pictures out of tables, and adds them.
    fn take_out(
        &self,
        records: &[(&str, &Record)],
        folder: &Path,
        download: &Download,
    ) -> Result<Ingested> {
        let (start, line) = (Instant::now(), downloading::line());
        let show = |progress: &Progress| {
            let state = downloading::state(progress, start.elapsed());
            line.set_message(format!("taking pictures out of the table: {state}"));
        };
        for location in &self.arguments.sources {
            // Whatever else is among the sources has no pictures inside.
            if let Ok(table) = self.arguments.source.table.table(location) {
                download.take_inside(&table, None, self.stop, show)?;
            }
        }
        line.finish_and_clear();
        let (mut there, mut failed) = (Vec::new(), Vec::new());
        for (text, record) in records {
            let Some(outcome) = download.outcome_inside(text)? else {
                // It was stopped before.
                continue;
            };
            match &outcome.result {
                Ok(picture) => there.push(with_file(record, picture, folder)),
                Err(_) => failed.push(failure(text, &outcome)),
            }
        }
        let mut report = with_bar(self.collection, self.model, there, &self.fetched_options())?;
        report.fail(failed);
        Ok(report)
    }

    /// Fetches the pictures of the records that are of URLs, and adds those that come.
    fn fetch(&self, records: &[Record], folder: PathBuf, download: &Download) -> Result<Ingested> {
        let (arrived, arriving) = sync_channel(WAITING);
        let line = downloading::line();
        let arrival = Arrival {
            records: records.iter().filter_map(of_url).collect(),
            folder,
            arrived,
        };
        let (start, indexed) = (Instant::now(), AtomicUsize::new(0));
        let fetched = thread::scope(|scope| {
            let (line, indexed) = (&line, &indexed);
            let fetching = scope.spawn(move || {
                arrival.all(download, self.stop, |progress| {
                    let state = downloading::state(progress, start.elapsed());
                    let indexed = indexed.load(Ordering::Relaxed);
                    line.set_message(format!("fetching: {state}; {indexed} indexed"));
                })
            });
            let added = self.add_arriving(arriving, |done| indexed.store(done, Ordering::Relaxed));
            let fetched = fetching.join().unwrap_or_else(|panic| resume_unwind(panic));
            anyhow::Ok((added?, fetched?))
        });
        line.finish_and_clear();
        let (mut report, (progress, failed)) = fetched?;
        report.fail(failed);
        report.counts.stopped |= progress.stopped;
        if progress.done > progress.known {
            message!("fetched {}", downloading::state(&progress, start.elapsed()));
        }
        downloading::tell_of_refusals(&progress.failed);
        let is_known = progress.known > 0 && !self.arguments.download.retries_failed();
        if is_known && progress.failed.values().any(|&number| number > 0) {
            message!("what could not be fetched before is tried again with --retry-failed");
        }
        Ok(report)
    }

    /// How pictures are added that were fetched: within the limits that they were fetched with.
    fn fetched_options(&self) -> AddOptions<'_> {
        AddOptions {
            limits: self.arguments.download.options(false).limits,
            stop: self.stop,
            waiting: &tell_of_waiting,
            ..AddOptions::default()
        }
    }

    /// Adds the pictures as they come.
    fn add_arriving(
        &self,
        arriving: Receiver<NewRecord>,
        seen: impl Fn(usize),
    ) -> Result<Ingested> {
        let mut failures = Vec::new();
        let (model, options) = (&self.model.model, self.fetched_options());
        let records = arriving.into_iter().map(anyhow::Ok);
        let report = self
            .collection
            .add(model, records, &options, |event| match event {
                AddEvent::Progress(report) => seen(report.done()),
                AddEvent::Failed(failure) => failures.push(failure.clone()),
            });
        let counts = report?;
        Ok(Ingested { counts, failures })
    }
}

/// The pictures that are to be fetched, and where those go that come.
struct Arrival<'a> {
    /// By their URLs.
    records: Vec<(&'a WebAddress, &'a Record)>,
    folder: PathBuf,
    arrived: SyncSender<NewRecord>,
}

impl Arrival<'_> {
    fn all(
        self,
        download: &Download,
        stop: &std::sync::atomic::AtomicBool,
        show: impl Fn(&Progress),
    ) -> Result<(Progress, Vec<Failure>)> {
        let by_url: HashMap<&str, &Record> = self
            .records
            .iter()
            .map(|(address, record)| (address.as_str(), *record))
            .collect();
        let feed = |take: &mut dyn FnMut(WebAddress) -> ControlFlow<()>| {
            let mut addresses = self.records.iter().map(|(address, _)| *address);
            let _ = addresses.try_for_each(|address| take(address.clone()));
            anyhow::Ok(())
        };
        let mut failed = Vec::new();
        let progress = download.run(stop, feed, |address, outcome, progress| {
            show(progress);
            match (&outcome.result, by_url.get(address.as_str())) {
                (Ok(picture), Some(record)) => {
                    let record = with_file(record, picture, &self.folder);
                    // Where nobody takes it, adding has failed and says why.
                    let _ = self.arrived.send(record);
                }
                _ => failed.push(failure(&address.to_string(), outcome)),
            }
            anyhow::Ok(())
        })?;
        Ok((progress, failed))
    }
}

/// What the collection needs of a picture that is now a file.
fn with_file(record: &Record, picture: &FetchedPicture, folder: &Path) -> NewRecord {
    let file = picture.file.as_ref();
    NewRecord {
        file: file.map(|file| place(&folder.join(&file.path))),
        ..new_record(record.clone())
    }
}

fn of_table(record: &Record) -> Option<(&str, &Record)> {
    match &record.place {
        Address::Inside(text) => Some((text, record)),
        Address::Web(_) | Address::File(_) => None,
    }
}

fn of_url(record: &Record) -> Option<(&WebAddress, &Record)> {
    match &record.place {
        Address::Web(address) => Some((address, record)),
        Address::File(_) | Address::Inside(_) => None,
    }
}

fn failure(place: &str, outcome: &Outcome) -> Failure {
    let reason = outcome.result.as_ref().err();
    let reason = reason.map_or("", |reason| reason.words());
    let message = match outcome.status {
        Some(status) => format!("{reason} (status {status})"),
        None => reason.to_owned(),
    };
    Failure {
        place: place.to_owned(),
        reason: reason.to_owned(),
        message,
    }
}
