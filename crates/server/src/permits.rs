use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Limits of parallel work by kind. Permits are given in the order of the requests.
#[derive(Debug)]
pub(crate) struct Permits {
    /// Two per core.
    read: Arc<Semaphore>,
    /// One: SQLite has one writer, and wakes waiting ones in random order.
    write: Arc<Semaphore>,
    /// One: a picture may need much memory and all cores.
    embed: Arc<Semaphore>,
}

/// A permit, held until it is dropped. It is always `Some`, as the semaphores are never closed.
pub(crate) type Permit = Option<OwnedSemaphorePermit>;

impl Permits {
    pub(crate) fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let semaphore = |permits| Arc::new(Semaphore::new(permits));
        Self {
            read: semaphore(2 * cores),
            write: semaphore(1),
            embed: semaphore(1),
        }
    }

    /// Waits for a permit to read or compute.
    pub(crate) async fn read(&self) -> Permit {
        Arc::clone(&self.read).acquire_owned().await.ok()
    }

    /// Waits for the permit to change the store.
    pub(crate) async fn write(&self) -> Permit {
        Arc::clone(&self.write).acquire_owned().await.ok()
    }

    /// Waits for the permit to embed, which other work does not need.
    pub(crate) async fn embed(&self) -> Permit {
        Arc::clone(&self.embed).acquire_owned().await.ok()
    }
}
