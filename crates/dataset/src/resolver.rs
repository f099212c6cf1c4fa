use std::collections::HashMap;
use std::error::Error as StdError;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::{OnceCell, Semaphore};

use crate::AllowedAddresses;

/// The maximum number of concurrent lookups: systems and home routers drop more.
const AT_ONCE: usize = 32;
/// How long a result is cached.
const KEPT: Duration = Duration::from_secs(300);
/// How long a failed lookup is cached.
const FAILURE_KEPT: Duration = Duration::from_secs(60);
/// The number of cached names from which old ones are dropped.
const MOST: usize = 1 << 16;

/// Resolves host names with the system's resolver, caches the results, and returns only allowed addresses.
/// Connections are made to these addresses, so a name can't change its address in between.
#[derive(Clone, Debug)]
pub(crate) struct Resolver(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    allowed_addresses: AllowedAddresses,
    known: Mutex<HashMap<String, Entry>>,
    slots: Semaphore,
}

#[derive(Clone, Debug)]
struct Entry {
    since: Instant,
    answer: Arc<OnceCell<Result<Vec<IpAddr>, Fault>>>,
}

/// Why a name couldn't be resolved.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// All its addresses are private.
    Private,
    /// The system found none; its message.
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
    /// The fault at the root of an error.
    pub(crate) fn within<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Self> {
        match error.downcast_ref() {
            None => error.source().and_then(Self::within),
            fault => fault,
        }
    }
}

impl Resolver {
    pub(crate) fn new(allowed_addresses: AllowedAddresses) -> Self {
        Self(Arc::new(Shared {
            allowed_addresses,
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
            // The connector sets the port.
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

    /// The cache entry of a host.
    fn entry(&self, host: &str) -> Arc<OnceCell<Result<Vec<IpAddr>, Fault>>> {
        // The map is valid even after a panic.
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
        found.retain(|&address| self.allowed_addresses.includes(address));
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
