use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

/// With so many hosts known, those are forgotten that nobody is asking.
const MOST: usize = 1 << 14;

/// The hosts that are being asked: so many requests each at a time, and none while it has asked to be
/// left alone.
#[derive(Debug)]
pub(super) struct Hosts {
    per_host: usize,
    hosts: Mutex<HashMap<String, Arc<Host>>>,
}

#[derive(Debug)]
pub(super) struct Host {
    slots: Semaphore,
    /// No request before.
    not_before: Mutex<Option<Instant>>,
}

impl Hosts {
    pub(super) fn new(per_host: usize) -> Self {
        Self {
            per_host,
            hosts: Mutex::default(),
        }
    }

    /// The host of that name.
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
    /// Waits until it may be asked.
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

    /// Leaves it alone for a while.
    pub(super) fn pause(&self, wait: Duration) {
        let end = Instant::now() + wait;
        let mut not_before = lock(&self.not_before);
        *not_before = Some(not_before.map_or(end, |earlier| earlier.max(end)));
    }
}

/// What is within is whole whatever panicked.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
