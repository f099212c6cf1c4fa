//! Batches that are written together, as in a group commit.
//!
//! A transaction waits for the disk some times, and writes a page of each index for nearly every picture, as ids and
//! hashes are random. Pictures that are written together wait together, and share pages.
//!
//! The first batch is written alone, so that one sees soon that something happens, and each group may be five times
//! as large as the one before it.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use super::batch::Batch;

/// How long the first batch of a group waits for others: hardly anyone notices, and a model that takes so long for a
/// batch has more to do than to write.
const PATIENCE: Duration = Duration::from_millis(500);

/// Groups of the batches that come from another thread, until it hangs up.
pub(crate) struct Groups {
    batches: Receiver<Batch>,
    /// How many batches the next group has at most.
    size: usize,
    /// How many any has.
    limit: usize,
}

impl Groups {
    /// Those of up to `limit` batches, with room for as many that nobody has taken yet.
    pub(crate) fn of(limit: usize) -> (SyncSender<Batch>, Groups) {
        let (sender, batches) = sync_channel(limit);
        let groups = Groups {
            batches,
            size: 1,
            limit,
        };
        (sender, groups)
    }
}

impl Iterator for Groups {
    type Item = Batch;

    fn next(&mut self) -> Option<Batch> {
        let mut group = self.batches.recv().ok()?;
        let end = Instant::now() + PATIENCE;
        for _ in 1..self.size {
            let left = end.saturating_duration_since(Instant::now());
            let Ok(batch) = self.batches.recv_timeout(left) else {
                break;
            };
            group.append(batch);
        }
        self.size = self.limit.min(5 * self.size);
        Some(group)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_that_are_there_are_written_together() {
        let (sender, mut groups) = Groups::of(20);
        for _ in 0..20 {
            let batch = Batch {
                unchanged: 1,
                ..Batch::default()
            };
            sender.send(batch).unwrap();
        }
        drop(sender);
        groups.limit = 6;
        let sizes: Vec<usize> = groups.map(|group| group.unchanged).collect();
        assert_eq!(sizes, [1, 5, 6, 6, 2]);
    }
}
