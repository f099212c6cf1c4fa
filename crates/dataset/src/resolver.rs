use std::collections::HashMap;
use std::error::Error as StdError;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::{OnceCell, Semaphore};

use crate::Reach;

/// So many names are asked for at once: systems and home routers fail to answer more.
const AT_ONCE: usize = 32;
/// For so long an answer is kept.
const KEPT: Duration = Duration::from_secs(300);
/// And one that there is no such host.
const FAILURE_KEPT: Duration = Duration::from_secs(60);
/// With so many names, old ones are forgotten.
const MOST: usize = 1 << 16;

/// Finds the addresses of hosts by the system, asks for each once, and lets only those pass that
/// may be reached. It is what connections are made to, so that nobody can change an address in
/// between.
#[derive(Clone, Debug)]
pub(crate) struct Resolver(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    reach: Reach,
    known: Mutex<HashMap<String, Entry>>,
    slots: Semaphore,
}

#[derive(Clone, Debug)]
struct Entry {
    since: Instant,
    answer: Arc<OnceCell<Result<Vec<IpAddr>, Fault>>>,
}

/// Why a name led nowhere.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// All its addresses are private.
    Private,
    /// The system has none; its words.
    Unknown(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Private => f.write_str("its address is private"),
            Self::Unknown(words) => f.write_str(words),
        }
    }
}

impl StdError for Fault {}

impl Fault {
    /// The fault at the bottom of an error.
    pub(crate) fn within<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Self> {
        match error.downcast_ref() {
            None => error.source().and_then(Self::within),
            fault => fault,
        }
    }
}

impl Resolver {
    pub(crate) fn new(reach: Reach) -> Self {
        Self(Arc::new(Shared {
            reach,
            known: Mutex::default(),
            slots: Semaphore::new(AT_ONCE),
        }))
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let shared = Arc::clone(&self.0);
        Box::pin(async move {
            let addresses = shared.addresses(name.as_str()).await?;
            // The port is put in by whoever connects.
            let addresses = addresses.into_iter().map(|it| SocketAddr::new(it, 0));
            Ok(Box::new(addresses) as Addrs)
        })
    }
}

impl Shared {
    async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, Fault> {
        let entry = self.entry(host);
        entry.get_or_init(|| self.ask(host)).await.clone()
    }

    /// Where the answer for a host is kept, or will be.
    fn entry(&self, host: &str) -> Arc<OnceCell<Result<Vec<IpAddr>, Fault>>> {
        // A map is whole whatever panicked.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.retain(|_, entry| entry.is_fresh());
            if known.len() >= MOST {
                known.clear();
            }
        }
        if let Some(entry) = known.get(host).filter(|entry| entry.is_fresh()) {
            return Arc::clone(&entry.answer);
        }
        let entry = Entry {
            since: Instant::now(),
            answer: Arc::default(),
        };
        known.insert(host.to_owned(), entry.clone());
        entry.answer
    }

    async fn ask(&self, host: &str) -> Result<Vec<IpAddr>, Fault> {
        let _slot = self.slots.acquire().await;
        let found = tokio::net::lookup_host((host, 0)).await;
        let found = found.map_err(|error| Fault::Unknown(error.to_string()))?;
        let mut found: Vec<IpAddr> = found.map(|address| address.ip()).collect();
        let has_none = found.is_empty();
        found.retain(|&address| self.reach.includes(address));
        match (has_none, found.is_empty()) {
            (true, _) => Err(Fault::Unknown("the host has no address".to_owned())),
            (_, true) => Err(Fault::Private),
            _ => Ok(found),
        }
    }
}

impl Entry {
    fn is_fresh(&self) -> bool {
        let kept = match self.answer.get() {
            Some(Err(_)) => FAILURE_KEPT,
            Some(Ok(_)) | None => KEPT,
        };
        self.since.elapsed() < kept
    }
}
