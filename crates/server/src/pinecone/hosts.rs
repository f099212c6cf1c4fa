use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use index::EmbeddedIndex;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::ServerError;
use crate::connections::listener;
use crate::pinecone::data_plane;
use crate::state::State;

/// The hosts of the indexes: a port for each.
#[derive(Debug)]
pub(crate) struct Hosts {
    ip: IpAddr,
    open: Mutex<HashMap<String, Host>>,
}

/// What serves an index.
#[derive(Debug)]
struct Host {
    index: EmbeddedIndex,
    router: Router,
    address: SocketAddr,
    ended: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

impl Drop for Host {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Host {
    /// Ends serving, once what has been asked is answered or `grace` is over.
    fn end(mut self, grace: Duration) {
        let _ = self.ended.send(true);
        tokio::spawn(async move {
            let _ = timeout(grace, &mut self.serving).await;
        });
    }
}

impl Hosts {
    pub(crate) fn new(ip: IpAddr) -> Self {
        Self {
            ip,
            open: Mutex::default(),
        }
    }

    /// Where the index `name` is served; from now on, if it was not. It has the port that it had before, unless
    /// something else has taken that: then it has another, for this time.
    pub(crate) async fn address(state: &Arc<State>, name: &str) -> Result<SocketAddr, ServerError> {
        let hosts = &state.hosts;
        let mut open = hosts.open.lock().await;
        let index = index_named(state, name).await?;
        match open.remove(name) {
            Some(host) if host.index.is_same(&index) => {
                let address = host.address;
                open.insert(name.to_owned(), host);
                return Ok(address);
            }
            // Another process has dropped the index, and made one of its name.
            Some(host) => host.end(state.limits.grace),
            None => {}
        }
        let port = settings_port(state, name).await?;
        let listener = hosts.listen(port)?;
        let address = listener.local_addr().map_err(|source| {
            let address = SocketAddr::new(hosts.ip, 0);
            ServerError::Listen { address, source }
        })?;
        // One that is taken just now, perhaps by another server of the store, stays the index's own.
        if port.is_none() {
            keep_port(state, name, address.port()).await?;
        }
        let (sender, receiver) = watch::channel(false);
        let router = data_plane::router(state, &index);
        let served = listener::serve(Arc::clone(state), listener, router.clone(), receiver);
        let host = Host {
            index,
            router,
            address,
            ended: sender,
            serving: tokio::spawn(served),
        };
        open.insert(name.to_owned(), host);
        Ok(address)
    }

    /// What answers for the index `name`.
    pub(crate) async fn router(state: &Arc<State>, name: &str) -> Result<Router, ServerError> {
        Self::address(state, name).await?;
        let open = state.hosts.open.lock().await;
        let host = open.get(name).ok_or_else(|| index::Error::IndexNotFound {
            name: name.to_owned(),
        })?;
        Ok(host.router.clone())
    }

    fn listen(&self, port: Option<u16>) -> Result<TcpListener, ServerError> {
        let address = SocketAddr::new(self.ip, port.unwrap_or(0));
        match listener::listen(address) {
            Ok(listener) => return Ok(listener),
            Err(source) if port.is_none() => return Err(ServerError::Listen { address, source }),
            Err(_) => {}
        }
        let address = SocketAddr::new(self.ip, 0);
        let failed = |source| ServerError::Listen { address, source };
        listener::listen(address).map_err(failed)
    }

    /// Ends serving the index `name`, once what has been asked is answered or `grace` is over.
    pub(crate) async fn close(&self, name: &str, grace: Duration) {
        if let Some(host) = self.open.lock().await.remove(name) {
            host.end(grace);
        }
    }

    /// Ends serving all, once what has been asked is answered.
    pub(crate) async fn close_all(&self) {
        let hosts = std::mem::take(&mut *self.open.lock().await);
        for host in hosts.values() {
            let _ = host.ended.send(true);
        }
        for mut host in hosts.into_values() {
            let _ = (&mut host.serving).await;
        }
    }

    /// Ends serving all at once.
    pub(crate) async fn drop_all(&self) {
        self.open.lock().await.clear();
    }
}

async fn index_named(state: &Arc<State>, name: &str) -> Result<EmbeddedIndex, ServerError> {
    let name = name.to_owned();
    let opened = state.look(move |state| Ok(state.store.engine().index(&name)));
    Ok(opened.await.map_err(|_| ServerError::Bug)??)
}

async fn settings_port(state: &Arc<State>, name: &str) -> Result<Option<u16>, ServerError> {
    let name = name.to_owned();
    let read = state.look(move |state| Ok(state.store.engine().settings(&name)));
    Ok(read.await.map_err(|_| ServerError::Bug)??.port)
}

async fn keep_port(state: &Arc<State>, name: &str, port: u16) -> Result<(), ServerError> {
    let name = name.to_owned();
    let configured = state.change(move |state| {
        let engine = state.store.engine();
        Ok(engine.configure_index(&name, |settings| settings.port = Some(port)))
    });
    match configured.await.map_err(|_| ServerError::Bug)? {
        // A store that cannot be written to can be served.
        Err(index::Error::ReadOnly { .. }) => Ok(()),
        configured => {
            configured?;
            Ok(())
        }
    }
}
