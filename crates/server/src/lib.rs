//! Pinecone's API over a store: what an official client of Pinecone does, it does here unchanged.
//!
//! The control plane, which makes and describes indexes, is at the server's own address. Pinecone's clients ask
//! it where an index is and then talk to that host, with paths that begin at its root: so each index has a port
//! of its own, which it keeps when the server is started again. There it is asked over HTTP or over gRPC.

mod connections;
mod models;
mod pinecone;
mod state;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use index::IndexDescription;
use search::Store;
use tokio::net::TcpListener;
use tokio::sync::watch;

use self::connections::admission::Gate;
pub use self::connections::keys::Keys;
pub use self::connections::limits::Limits;
use self::connections::listener;
pub use self::connections::log::Log;
use self::connections::metrics::Metrics;
pub use self::connections::tls::{Tls, TlsError};
pub use self::models::Models;
pub use self::pinecone::control_plane::public_host::PublicHost;
use self::pinecone::data_plane::write_numbers::WriteNumbers;
use self::pinecone::hosts::Hosts;
pub use self::pinecone::route::{Endpoint, endpoints};
use self::state::State;

/// How a [`Server`] serves.
#[derive(Debug)]
pub struct ServerOptions {
    /// The address of the control plane; port 0 means any that is free.
    pub address: SocketAddr,
    /// The keys that clients have to name; without any, whoever reaches the server may do everything.
    pub keys: Keys,
    /// How much the server takes on.
    pub limits: Limits,
    /// What connections are encrypted with, if they are.
    pub tls: Option<Tls>,
    /// Where requests are logged.
    pub log: Option<Log>,
    /// How clients name the hosts of indexes, if not by their ports.
    pub public_host: Option<PublicHost>,
    /// What embeds words and pictures for the indexes of collections.
    pub models: Models,
}

impl ServerOptions {
    /// With the usual limits, neither encrypted nor logged.
    pub fn new(address: SocketAddr, keys: Keys) -> Self {
        Self {
            address,
            keys,
            limits: Limits::default(),
            tls: None,
            log: None,
            public_host: None,
            models: Models::none(),
        }
    }
}

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The address can be reached from elsewhere, and anyone could change the indexes.
    #[error("`{address}` can be reached from other machines, and no key is asked for")]
    Open {
        /// The address.
        address: SocketAddr,
    },
    /// The address cannot be listened at.
    #[error("`{address}` cannot be listened at")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// This should not happen.
    #[error("this should not happen; please report it")]
    Bug,
    /// The engine failed.
    #[error(transparent)]
    Index(#[from] index::Error),
}

/// A server that listens.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    state: Arc<State>,
    displaced: Vec<Displaced>,
}

/// An index that is not at its own port, which something else has taken.
#[derive(Clone, Debug)]
pub struct Displaced {
    /// The index.
    pub name: String,
    /// Its own port.
    pub own: u16,
    /// Where it is for this time.
    pub address: SocketAddr,
}

impl Server {
    /// Begins to listen, for the control plane and for each index there is.
    ///
    /// # Errors
    /// [`ServerError`]
    pub async fn bind(store: Store, options: ServerOptions) -> Result<Self, ServerError> {
        let ServerOptions {
            address,
            keys,
            limits,
            tls,
            log,
            public_host,
            models,
        } = options;
        if !address.ip().is_loopback() && keys.is_empty() {
            return Err(ServerError::Open { address });
        }
        let failed = |source| ServerError::Listen { address, source };
        let listener = listener::listen(address).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let state = Arc::new(State {
            store,
            gate: Gate::new(&limits, keys.count()),
            keys,
            hosts: Hosts::new(address.ip()),
            limits,
            metrics: Metrics::default(),
            log,
            public_host,
            models,
            tls,
            ended: watch::Sender::new(false),
            write_numbers: WriteNumbers::default(),
        });
        let indexes = state.store.engine().list_indexes()?;
        let mut displaced = Vec::new();
        for IndexDescription { name, .. } in indexes {
            let address = Hosts::address(&state, &name).await?;
            let own = state.store.engine().settings(&name)?.port;
            if let Some(own) = own.filter(|own| *own != address.port()) {
                displaced.push(Displaced { name, own, address });
            }
        }
        Ok(Self {
            displaced,
            listener,
            address,
            state,
        })
    }

    /// Where the control plane is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The indexes that are not at their own ports.
    pub fn displaced(&self) -> &[Displaced] {
        &self.displaced
    }

    /// Where clients find the control plane.
    pub fn url(&self) -> String {
        let scheme = self.state.scheme();
        format!("{scheme}://{}", self.address)
    }

    /// Serves until `end`; what has been asked by then is still answered, as far as there is time for it.
    ///
    /// # Errors
    /// [`ServerError::Listen`] when it cannot go on.
    pub async fn run(self, end: impl Future<Output = ()> + Send) -> Result<(), ServerError> {
        let Self {
            listener, state, ..
        } = self;
        let router = self::pinecone::control_plane::dispatch::router(&state);
        let never = watch::Sender::new(false);
        let served = listener::serve(Arc::clone(&state), listener, router, never.subscribe());
        let ends = async {
            end.await;
            state.ended.send_replace(true);
            tokio::time::sleep(state.limits.grace).await;
        };
        let all = async {
            served.await;
            state.hosts.close_all().await;
        };
        // What is not answered in time is dropped with what serves it.
        tokio::select! {
            () = all => {}
            () = ends => state.hosts.drop_all().await,
        }
        Ok(())
    }
}
