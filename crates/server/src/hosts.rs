use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;

use crate::state::State;
use crate::{ServerError, data};

/// The hosts of the indexes: a port for each.
#[derive(Debug)]
pub(crate) struct Hosts {
    ip: IpAddr,
    open: Mutex<HashMap<String, Host>>,
}

/// What serves an index.
#[derive(Debug)]
struct Host {
    address: SocketAddr,
    ended: watch::Sender<bool>,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Hosts {
    pub(crate) fn new(ip: IpAddr) -> Self {
        Self {
            ip,
            open: Mutex::default(),
        }
    }

    /// Where the index `name` is served; from now on, if it was not. It has the port that it had before, unless
    /// something else has taken that.
    pub(crate) async fn address(state: &Arc<State>, name: &str) -> Result<SocketAddr, ServerError> {
        let hosts = &state.hosts;
        let mut open = hosts.open.lock().await;
        if let Some(host) = open.get(name) {
            return Ok(host.address);
        }
        let engine = state.store.engine();
        let port = engine.settings(name)?.port;
        let listener = hosts.listen(port).await?;
        let address = listener.local_addr().map_err(|source| {
            let address = SocketAddr::new(hosts.ip, 0);
            ServerError::Listen { address, source }
        })?;
        if port != Some(address.port()) {
            match engine.configure_index(name, |settings| settings.port = Some(address.port())) {
                // A store that cannot be written to can be served.
                Err(index::Error::ReadOnly { .. }) => {}
                configured => drop(configured?),
            }
        }
        let (sender, receiver) = watch::channel(false);
        let served = axum::serve(listener, data::router(state, name))
            .with_graceful_shutdown(ended(receiver));
        let host = Host {
            address,
            ended: sender,
            serving: tokio::spawn(served.into_future()),
        };
        open.insert(name.to_owned(), host);
        Ok(address)
    }

    async fn listen(&self, port: Option<u16>) -> Result<TcpListener, ServerError> {
        let address = SocketAddr::new(self.ip, port.unwrap_or(0));
        match TcpListener::bind(address).await {
            Ok(listener) => return Ok(listener),
            Err(source) if port.is_none() => return Err(ServerError::Listen { address, source }),
            Err(_) => {}
        }
        let address = SocketAddr::new(self.ip, 0);
        let failed = |source| ServerError::Listen { address, source };
        TcpListener::bind(address).await.map_err(failed)
    }

    /// Ends serving the index `name`.
    pub(crate) async fn close(&self, name: &str) {
        let host = self.open.lock().await.remove(name);
        if let Some(host) = host {
            let _ = host.ended.send(true);
        }
    }

    /// Ends serving all, once what has been asked is answered.
    pub(crate) async fn close_all(&self) {
        let hosts = std::mem::take(&mut *self.open.lock().await);
        for host in hosts.values() {
            let _ = host.ended.send(true);
        }
        for host in hosts.into_values() {
            let _ = host.serving.await;
        }
    }
}

/// Waits until the end is said, or nobody is left to say it.
pub(crate) async fn ended(mut said: watch::Receiver<bool>) {
    let _ = said.wait_for(|ended| *ended).await;
}
