use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::Receiver;
use tokio::task::JoinSet;

use super::error::DownloadError;
use super::journal::Journal;
use super::key::Key;
use super::options::DownloadOptions;
use super::outcome::Outcome;
use super::progress::Progress;
use super::shelf::Shelf;
use super::worker::Worker;
use crate::address::WebAddress;

/// The number of waiting URLs for each concurrent request: others proceed while some wait for a slow host.
const WAITING: usize = 8;
/// The journal is written after this many outcomes.
const WRITTEN_AT_ONCE: usize = 512;
/// The journal is written after this time at the latest.
const WRITTEN_AFTER: Duration = Duration::from_millis(100);

/// A URL, and what is known about it.
pub(super) struct Item {
    pub(super) address: WebAddress,
    pub(super) key: Key,
    pub(super) known: Option<Outcome>,
}

/// The URLs that are being downloaded.
#[derive(Debug, Default)]
pub(super) struct InFlight(Mutex<HashSet<Key>>);

impl InFlight {
    /// Starts a URL. Returns false if it was already started.
    pub(super) fn begin(&self, key: Key) -> bool {
        self.lock().insert(key)
    }

    fn end(&self, key: Key) {
        self.lock().remove(&key);
    }

    /// The set is valid even after a panic.
    fn lock(&self) -> MutexGuard<'_, HashSet<Key>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A run through a list.
pub(super) struct Run<'a> {
    journal: &'a Journal,
    stop: &'a AtomicBool,
    in_flight: &'a InFlight,
    progress: Progress,
    /// Outcomes that aren't in the journal yet.
    unwritten: Vec<(WebAddress, Key, Outcome)>,
    written_at: Instant,
}

impl<'a> Run<'a> {
    pub(super) fn new(journal: &'a Journal, stop: &'a AtomicBool, in_flight: &'a InFlight) -> Self {
        Self {
            journal,
            stop,
            in_flight,
            progress: Progress::default(),
            unwritten: Vec::new(),
            written_at: Instant::now(),
        }
    }

    /// Processes the `handed` items until they end or `stop` is set. Calls `done` with each outcome.
    pub(super) async fn all<E: From<DownloadError>>(
        mut self,
        options: &DownloadOptions,
        shelf: &Arc<Shelf>,
        mut handed: Receiver<Item>,
        done: &mut impl FnMut(&WebAddress, &Outcome, &Progress) -> Result<(), E>,
    ) -> Result<Progress, E> {
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
                        self.in_flight.end(key);
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
        if is_much || self.written_at.elapsed() >= WRITTEN_AFTER {
            self.write(done)
        } else {
            Ok(())
        }
    }

    /// Writes the collected outcomes to the journal, then reports them.
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
        self.journal.write(&outcomes.collect::<Vec<_>>())?;
        for (address, key, outcome) in unwritten {
            self.in_flight.end(key);
            self.progress.count(&outcome, false);
            done(&address, &outcome, &self.progress)?;
        }
        Ok(())
    }
}
