//! Records as they arrive: a folder's at once, downloads a few a second.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use crate::record::NewRecord;

/// How long the first record of a batch waits for others: after that, fewer are embedded together.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often one that waits for a record looks whether to stop.
const GLANCE: Duration = Duration::from_millis(100);

/// Where a [`Feeder`] puts the records that it takes from an iterator, which may block.
pub(crate) struct Feed<E> {
    records: Receiver<Result<NewRecord, E>>,
}

/// What comes next.
#[derive(Debug, PartialEq)]
pub(crate) enum Next<E> {
    Record(Box<NewRecord>),
    /// None for the time being.
    Pause,
    End(End<E>),
}

/// Why no more records come.
#[derive(Debug, PartialEq)]
pub(crate) enum End<E> {
    /// These were all.
    Complete,
    /// The run was stopped.
    Stopped,
    /// The source failed.
    Failed(E),
}

/// The other end of a [`Feed`].
pub(crate) struct Feeder<E> {
    records: SyncSender<Result<NewRecord, E>>,
}

impl<E> Feed<E> {
    /// One with room for so many records that nobody has taken yet.
    pub(crate) fn of(room: usize) -> (Feeder<E>, Feed<E>) {
        let (feeder, feed) = sync_channel(room);
        (Feeder { records: feeder }, Feed { records: feed })
    }

    /// Waits for the next record; where some have come `since`, only as long as these can wait.
    pub(crate) fn next(&self, since: Option<Instant>, stop: &AtomicBool) -> Next<E> {
        while !stop.load(Ordering::Relaxed) {
            let left = match since {
                Some(since) => PATIENCE.saturating_sub(since.elapsed()),
                None => GLANCE,
            };
            match self.records.recv_timeout(left.min(GLANCE)) {
                Ok(Ok(record)) => return Next::Record(Box::new(record)),
                Ok(Err(error)) => return Next::End(End::Failed(error)),
                Err(RecvTimeoutError::Disconnected) => return Next::End(End::Complete),
                Err(RecvTimeoutError::Timeout) if since.is_some() && left <= GLANCE => {
                    return Next::Pause;
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
        Next::End(End::Stopped)
    }
}

impl<E> Feeder<E> {
    /// Takes records until there are no more, one is an error, or nobody wants them any more.
    pub(crate) fn feed(self, records: impl Iterator<Item = Result<NewRecord, E>>) {
        for record in records {
            let is_last = record.is_err();
            if self.records.send(record).is_err() || is_last {
                break;
            }
        }
    }
}
