//! Receives records as they arrive: all at once from a folder, a few a second from downloads.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use crate::record::NewRecord;

/// How long the first record of a batch waits for others. After that, a smaller batch is embedded.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often a waiting thread checks whether to stop.
const GLANCE: Duration = Duration::from_millis(100);

/// The receiver of the records that a [`Feeder`] takes from an iterator, which may block.
pub(crate) struct Feed<E> {
    records: Receiver<Result<NewRecord, E>>,
}

/// The next item of a feed.
#[derive(Debug, PartialEq)]
pub(crate) enum Next<E> {
    Record(Box<NewRecord>),
    /// No record for the time being.
    Pause,
    End(End<E>),
}

/// Why no more records come.
#[derive(Debug, PartialEq)]
pub(crate) enum End<E> {
    /// The source has ended.
    Complete,
    /// The run was stopped.
    Stopped,
    /// The source failed.
    Failed(E),
}

/// The sender of a [`Feed`].
pub(crate) struct Feeder<E> {
    records: SyncSender<Result<NewRecord, E>>,
}

impl<E> Feed<E> {
    /// A channel with room for `room` records.
    pub(crate) fn of(room: usize) -> (Feeder<E>, Feed<E>) {
        let (feeder, feed) = sync_channel(room);
        (Feeder { records: feeder }, Feed { records: feed })
    }

    /// Waits for the next record. If earlier ones have been waiting `since`, waits only as long as these may.
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
    /// Sends records until they end, one is an error, or the receiver is dropped.
    pub(crate) fn feed(self, records: impl Iterator<Item = Result<NewRecord, E>>) {
        for record in records {
            let is_last = record.is_err();
            if self.records.send(record).is_err() || is_last {
                break;
            }
        }
    }
}
