use tokio::sync::watch;

use super::admission::Admission;
use super::cors::Origin;
use super::keys::Keys;
use super::limits::Limits;
use super::log::Log;
use super::metrics::Metrics;
use super::tls::Tls;

/// The state that all connections of a server share.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) keys: Keys,
    pub(crate) limits: Limits,
    pub(crate) tls: Option<Tls>,
    pub(crate) log: Option<Log>,
    /// Other origins whose pages may use the JSON API.
    pub(crate) origins: Vec<Origin>,
    /// Whether a proxy is in front, so that clients use host names that the server does not know.
    pub(crate) is_behind_proxy: bool,
    pub(crate) admission: Admission,
    pub(crate) metrics: Metrics,
    shutdown: watch::Sender<bool>,
}

/// The options of a [`Gateway`].
#[derive(Debug)]
pub(crate) struct GatewayOptions {
    pub(crate) keys: Keys,
    pub(crate) limits: Limits,
    pub(crate) tls: Option<Tls>,
    pub(crate) log: Option<Log>,
    /// Other origins whose pages may use the JSON API.
    pub(crate) origins: Vec<Origin>,
    pub(crate) is_behind_proxy: bool,
}

impl Gateway {
    pub(crate) fn new(options: GatewayOptions) -> Self {
        let GatewayOptions {
            keys,
            limits,
            tls,
            log,
            origins,
            is_behind_proxy,
        } = options;
        Self {
            admission: Admission::new(&limits, keys.count()),
            metrics: Metrics::default(),
            shutdown: watch::Sender::new(false),
            keys,
            limits,
            tls,
            log,
            origins,
            is_behind_proxy,
        }
    }

    /// The scheme of the server's URLs.
    pub(crate) fn scheme(&self) -> &'static str {
        match self.tls {
            Some(_) => "https",
            None => "http",
        }
    }

    /// Tells all connections to finish.
    pub(crate) fn shut_down(&self) {
        self.shutdown.send_replace(true);
    }

    /// Becomes true when the server shuts down.
    pub(crate) fn shutdown(&self) -> watch::Receiver<bool> {
        self.shutdown.subscribe()
    }

    pub(crate) fn is_shutting_down(&self) -> bool {
        *self.shutdown.borrow()
    }
}
