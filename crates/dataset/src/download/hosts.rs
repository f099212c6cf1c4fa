use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

/// The number of known hosts from which idle ones are dropped.
const MOST: usize = 1 << 14;

/// Limits the requests to each host: a number at a time, and none during a wait that the host requested.
#[derive(Debug)]
pub(super) struct Hosts {
    per_host: usize,
    hosts: Mutex<HashMap<String, Arc<Host>>>,
}

#[derive(Debug)]
pub(super) struct Host {
    slots: Semaphore,
    /// The end of the wait that the host requested.
    not_before: Mutex<Option<Instant>>,
}

impl Hosts {
    pub(super) fn new(per_host: usize) -> Self {
        Self {
            per_host,
            hosts: Mutex::default(),
        }
    }

    /// The host with this name.
    pub(super) fn host(&self, name: &str) -> Arc<Host> {
        let mut hosts = lock(&self.hosts);
        if let Some(host) = hosts.get(name) {
            return Arc::clone(host);
        }
        if hosts.len() >= MOST {
            let now = Instant::now();
            hosts.retain(|_, host| {
                let is_asked = Arc::strong_count(host) > 1;
                is_asked || lock(&host.not_before).is_some_and(|end| end > now)
            });
        }
        let host = Arc::new(Host {
            slots: Semaphore::new(self.per_host),
            not_before: Mutex::default(),
        });
        hosts.insert(name.to_owned(), Arc::clone(&host));
        host
    }
}

impl Host {
    /// Waits until a request to the host is allowed.
    pub(super) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        let slot = self.slots.acquire().await.ok();
        loop {
            let not_before = *lock(&self.not_before);
            match not_before.filter(|&end| end > Instant::now()) {
                Some(end) => tokio::time::sleep_until(end).await,
                None => return slot,
            }
        }
    }

    /// Delays further requests to the host.
    pub(super) fn pause(&self, wait: Duration) {
        let end = Instant::now() + wait;
        let mut not_before = lock(&self.not_before);
        *not_before = Some(not_before.map_or(end, |earlier| earlier.max(end)));
    }
}

/// The content is valid even after a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
