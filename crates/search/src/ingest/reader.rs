//! Reads the records of a source in batches.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::time::Instant;

use rayon::prelude::*;

use super::batch::{BATCH, Batch};
use super::content::{ContentReader, Seen, Unread};
use super::decision::{Decider, Outcome};
use super::feed::{End, Feed, Next};
use super::report::Failure;
use super::run::{Claim, Run};
use super::trouble::Trouble;
use crate::error::{Error, Result};
use crate::record::{NewRecord, Record};

/// Unchanged or refused pictures are reported after at most this many.
const KNOWN_AT_A_TIME: usize = 1024;

/// The state of reading the records of an [`add`](crate::Collection::add).
pub(crate) struct Reader<'a> {
    pub(crate) content: ContentReader<'a>,
    pub(crate) decider: Decider<'a>,
    pub(crate) stop: &'a AtomicBool,
}

/// Pictures whose files are read together, and those that need no reading.
#[derive(Default)]
struct Gathered {
    unread: Vec<Unread>,
    known: Batch,
    /// When the first of them arrived.
    since: Option<Instant>,
}

impl Gathered {
    fn is_full(&self) -> bool {
        self.unread.len() >= BATCH
            || self.known.unchanged + self.known.failed.len() >= KNOWN_AT_A_TIME
    }
}

impl Reader<'_> {
    /// Reads all records until they end, the run is stopped, or the receiver is dropped. Returns the notes of
    /// the run.
    pub(crate) fn read_all<E: From<Error>>(
        mut self,
        records: &Feed<E>,
        batches: &SyncSender<Batch>,
    ) -> Result<Run, E> {
        loop {
            let (gathered, end) = self.gather(records)?;
            let is_taken = self.pass_on(gathered, batches)?;
            match end {
                Some(End::Failed(error)) => return Err(error),
                Some(End::Complete) => {
                    self.read_deferred(batches)?;
                    break;
                }
                None if is_taken => {}
                None | Some(End::Stopped) => break,
            }
        }
        Ok(self.decider.run)
    }

    /// Takes records until there are enough or the first has waited long enough.
    fn gather<E>(&mut self, records: &Feed<E>) -> Result<(Gathered, Option<End<E>>)> {
        let mut gathered = Gathered::default();
        while !gathered.is_full() {
            match records.next(gathered.since, self.stop) {
                Next::Record(record) => {
                    gathered.since.get_or_insert_with(Instant::now);
                    self.take(*record, &mut gathered)?;
                }
                Next::Pause => break,
                Next::End(end) => return Ok((gathered, Some(end))),
            }
        }
        Ok((gathered, None))
    }

    /// Handles one record.
    fn take(&mut self, new: NewRecord, gathered: &mut Gathered) -> Result<()> {
        let refused = match self.decider.run.claim(&new)? {
            Claim::Granted => {
                let at_location = self.decider.at_location(&new.location)?;
                return match self.decider.awaited(&new, at_location.as_ref())? {
                    Some(holder) => {
                        let yields = holder.has_id_of(&new);
                        self.decider.run.defer(&new, &holder.location, yields)
                    }
                    None => self.triage(new, at_location, gathered),
                };
            }
            Claim::Repeated => Failure::of_repeated(new.location),
            Claim::Taken { by } => {
                Failure::of_taken_id(new.location, new.id.as_deref().unwrap_or_default(), &by)
            }
        };
        gathered.known.failed.push(refused);
        Ok(())
    }

    /// Reads the deferred records, now that it's known which pictures give up their ids.
    fn read_deferred(&mut self, batches: &SyncSender<Batch>) -> Result<()> {
        self.decider.run.resolve()?;
        let mut after = 0;
        while !self.stop.load(Ordering::Relaxed) {
            let page = self.decider.run.deferred(after, BATCH)?;
            let Some((last, _)) = page.last() else { break };
            after = *last;
            let mut gathered = Gathered::default();
            for (_, new) in page {
                let at_location = self.decider.at_location(&new.location)?;
                self.triage(new, at_location, &mut gathered)?;
            }
            if !self.pass_on(gathered, batches)? {
                break;
            }
        }
        Ok(())
    }

    /// Separates unchanged pictures from those whose files have to be read.
    fn triage(
        &self,
        new: NewRecord,
        at_location: Option<Record>,
        gathered: &mut Gathered,
    ) -> Result<()> {
        let unread = Unread::of(new, at_location);
        if self.decider.is_unchanged(&unread)? {
            gathered.known.unchanged += 1;
        } else {
            gathered.unread.push(unread);
        }
        Ok(())
    }

    /// Reads the pictures' files and sends the result. Returns false if the receiver was dropped; it then
    /// reports why.
    fn pass_on(&mut self, gathered: Gathered, batches: &SyncSender<Batch>) -> Result<bool> {
        let batch = self.batch(gathered)?;
        Ok(batch.is_empty() || batches.send(batch).is_ok())
    }

    fn batch(&mut self, gathered: Gathered) -> Result<Batch> {
        let Gathered { unread, known, .. } = gathered;
        let mut batch = known;
        if unread.is_empty() {
            return Ok(batch);
        }
        self.decider.fresh.begin_batch();
        let content = &self.content;
        let seen: Vec<(String, Result<Seen, Trouble>)> = unread
            .into_par_iter()
            .map(|unread| (unread.new.location.clone(), content.read(unread)))
            .collect();
        for (location, seen) in seen {
            match seen.and_then(|seen| self.decider.settle(seen)) {
                Ok(Outcome::Unchanged) => batch.unchanged += 1,
                Ok(Outcome::Restamped(record)) => batch.restamped.push(*record),
                Ok(Outcome::Changed(changes)) => batch.changed.extend(changes),
                Err(trouble) => {
                    self.decider.run.withdraw(&location)?;
                    batch.lost.extend(self.decider.lost(&location, &trouble)?);
                    batch.failed.push(trouble.failure(location)?);
                }
            }
        }
        Ok(batch)
    }
}
