//! Groups of batches that are written together (group commit).
//!
//! A transaction waits for the disk several times, and writes a page of each index for nearly every picture,
//! as ids and hashes are random. Pictures written together share the wait and the pages.
//!
//! The first batch is written alone, so that progress shows early. Each group may be five times as large as
//! the one before.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use super::batch::Batch;

/// How long the first batch of a group waits for others: short enough not to be noticed. If a model takes
/// longer for a batch, writing isn't the bottleneck.
const PATIENCE: Duration = Duration::from_millis(500);

/// Groups the batches from another thread, until it drops its sender.
pub(crate) struct Groups {
    batches: Receiver<Batch>,
    /// The maximum number of batches in the next group.
    size: usize,
    /// The maximum number of batches in any group.
    limit: usize,
}

impl Groups {
    /// A channel for batches with room for `limit`, and its groups of up to `limit` batches.
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
