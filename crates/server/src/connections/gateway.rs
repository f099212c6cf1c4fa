use tokio::sync::watch;

use super::admission::Admission;
use super::cors::Origin;
use super::keys::Keys;
use super::limits::Limits;
use super::log::Log;
use super::metrics::Metrics;
use super::tls::Tls;

/// What all connections of a server share, whichever API is behind them.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) keys: Keys,
    pub(crate) limits: Limits,
    pub(crate) tls: Option<Tls>,
    pub(crate) log: Option<Log>,
    /// The sites whose pages may ask, beside the server's own.
    pub(crate) origins: Vec<Origin>,
    /// Whether clients know the server by names that it doesn't know, because a proxy stands between.
    pub(crate) is_behind_proxy: bool,
    pub(crate) admission: Admission,
    pub(crate) metrics: Metrics,
    shutdown: watch::Sender<bool>,
}

/// What a [`Gateway`] is made of.
#[derive(Debug)]
pub(crate) struct GatewayOptions {
    pub(crate) keys: Keys,
    pub(crate) limits: Limits,
    pub(crate) tls: Option<Tls>,
    pub(crate) log: Option<Log>,
    /// The sites whose pages may ask, beside the server's own.
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
