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

use super::data_plane::DataPlane;
use crate::connections::{listen, serve};
use crate::error::ServerError;

/// The hosts of the indexes: a port for each.
#[derive(Debug)]
pub(crate) struct IndexHosts {
    plane: DataPlane,
    ip: IpAddr,
    open: Mutex<HashMap<String, IndexHost>>,
}

/// The port that serves an index.
#[derive(Debug)]
struct IndexHost {
    index: EmbeddedIndex,
    router: Router,
    address: SocketAddr,
    ended: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

impl Drop for IndexHost {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl IndexHost {
    /// Stops, once the requests in progress are answered or `grace` is over.
    fn end(mut self, grace: Duration) {
        let _ = self.ended.send(true);
        tokio::spawn(async move {
            let _ = timeout(grace, &mut self.serving).await;
        });
    }
}

impl IndexHosts {
    pub(crate) fn new(plane: DataPlane, ip: IpAddr) -> Self {
        Self {
            plane,
            ip,
            open: Mutex::default(),
        }
    }

    /// The address of the index `name`, which is served from now on. It keeps its port; if that is in use, it gets another
    /// one for the time being.
    pub(crate) async fn address(&self, name: &str) -> Result<SocketAddr, ServerError> {
        let mut open = self.open.lock().await;
        let index = self.index_named(name).await?;
        match open.remove(name) {
            Some(host) if host.index.is_same(&index) => {
                let address = host.address;
                open.insert(name.to_owned(), host);
                return Ok(address);
            }
            // Another process has deleted the index and created one with the same name.
            Some(host) => host.end(self.grace()),
            None => {}
        }
        let host = self.start(index).await?;
        let address = host.address;
        open.insert(name.to_owned(), host);
        Ok(address)
    }

    /// The router of the index `name`.
    pub(crate) async fn router(&self, name: &str) -> Result<Router, ServerError> {
        self.address(name).await?;
        let open = self.open.lock().await;
        let host = open.get(name).ok_or_else(|| index::Error::IndexNotFound {
            name: name.to_owned(),
        })?;
        Ok(host.router.clone())
    }

    /// Stops serving the index `name`, once the requests in progress are answered.
    pub(crate) async fn close(&self, name: &str) {
        if let Some(host) = self.open.lock().await.remove(name) {
            host.end(self.grace());
        }
    }

    /// Stops serving all indexes, once the requests in progress are answered.
    pub(crate) async fn close_all(&self) {
        let hosts = std::mem::take(&mut *self.open.lock().await);
        for host in hosts.values() {
            let _ = host.ended.send(true);
        }
        for mut host in hosts.into_values() {
            let _ = (&mut host.serving).await;
        }
    }

    /// Stops serving all indexes at once.
    pub(crate) async fn drop_all(&self) {
        self.open.lock().await.clear();
    }

    fn grace(&self) -> Duration {
        self.plane.gateway.limits.grace
    }

    /// Starts to serve an index.
    async fn start(&self, index: EmbeddedIndex) -> Result<IndexHost, ServerError> {
        let port = self.port(index.name()).await?;
        let listener = self.listen(port)?;
        let address = listener.local_addr().map_err(|source| {
            let address = SocketAddr::new(self.ip, 0);
            ServerError::Listen { address, source }
        })?;
        // A port that is in use now, perhaps by another server of the store, stays the index's own.
        if port.is_none() {
            self.keep_port(index.name(), address.port()).await?;
        }
        let (ended, receiver) = watch::channel(false);
        let router = self.plane.router(&index);
        let gateway = Arc::clone(&self.plane.gateway);
        let serving = tokio::spawn(serve(gateway, listener, router.clone(), receiver));
        Ok(IndexHost {
            index,
            router,
            address,
            ended,
            serving,
        })
    }

    /// Listens on this port, or on any other if it is in use.
    fn listen(&self, port: Option<u16>) -> Result<TcpListener, ServerError> {
        let address = SocketAddr::new(self.ip, port.unwrap_or(0));
        match listen(address) {
            Ok(listener) => return Ok(listener),
            Err(source) if port.is_none() => return Err(ServerError::Listen { address, source }),
            Err(_) => {}
        }
        let address = SocketAddr::new(self.ip, 0);
        listen(address).map_err(|source| ServerError::Listen { address, source })
    }

    async fn index_named(&self, name: &str) -> Result<EmbeddedIndex, ServerError> {
        let name = name.to_owned();
        let scope = self.plane.unbounded();
        let opened = scope.run(move |view| view.engine_of(&name)?.index(&name));
        Ok(opened.await??)
    }

    /// The index's own port, if it has one yet.
    async fn port(&self, name: &str) -> Result<Option<u16>, ServerError> {
        let name = name.to_owned();
        let scope = self.plane.unbounded();
        let settings = scope.run(move |view| view.engine_of(&name)?.settings(&name));
        Ok(settings.await??.port)
    }

    async fn keep_port(&self, name: &str, port: u16) -> Result<(), ServerError> {
        let name = name.to_owned();
        let scope = self.plane.unbounded();
        let configured = scope.write(move |view| {
            let engine = view.engine_of(&name)?;
            engine.configure_index(&name, |settings| settings.port = Some(port))
        });
        match configured.await? {
            // A read-only store can be served.
            Err(index::Error::ReadOnly { .. }) => Ok(()),
            configured => {
                configured?;
                Ok(())
            }
        }
    }
}
