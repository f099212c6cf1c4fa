use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How much work of each kind goes on at once. Whoever has to wait gets a permit in the order of asking.
#[derive(Debug)]
pub(crate) struct Permits {
    /// Twice as many as there are cores.
    read: Arc<Semaphore>,
    /// One: SQLite has one writer, and lets the waiting ones in by chance.
    write: Arc<Semaphore>,
    /// One: a picture may take much memory, and all cores.
    embed: Arc<Semaphore>,
}

/// A permit, until it is dropped. Nobody closes the semaphores, so there always is one.
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

    /// Waits for the permit to embed, for which no other work waits.
    pub(crate) async fn embed(&self) -> Permit {
        Arc::clone(&self.embed).acquire_owned().await.ok()
    }
}
