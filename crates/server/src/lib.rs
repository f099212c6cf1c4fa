//! Pinecone's API over a store: what an official client of Pinecone does, it does here unchanged.
//!
//! The control plane, which makes and describes indexes, is at the server's own address. Pinecone's clients ask
//! it where an index is and then talk to that host, with paths that begin at its root: so each index has a port
//! of its own, which it keeps when the server is started again. There it is asked over HTTP or over gRPC.

mod api_error;
mod api_version;
mod control;
mod data;
mod grpc;
mod hosts;
mod index_model;
mod json_body;
mod keys;
mod operations;
mod parameters;
mod routes;
mod state;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use search::Store;
use tokio::net::TcpListener;
use tokio::sync::watch;

use self::hosts::Hosts;
pub use self::keys::Keys;
pub use self::routes::{Endpoint, endpoints};
use self::state::State;

/// How a [`Server`] serves.
#[derive(Debug)]
pub struct ServerOptions {
    /// The address of the control plane; port 0 means any that is free.
    pub address: SocketAddr,
    /// The keys that clients have to name; without any, whoever reaches the server may do everything.
    pub keys: Keys,
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
}

impl Server {
    /// Begins to listen, for the control plane and for each index there is.
    ///
    /// # Errors
    /// [`ServerError`]
    pub async fn bind(store: Store, options: ServerOptions) -> Result<Self, ServerError> {
        let ServerOptions { address, keys } = options;
        if !address.ip().is_loopback() && keys.is_empty() {
            return Err(ServerError::Open { address });
        }
        let failed = |source| ServerError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let state = Arc::new(State {
            store,
            keys,
            hosts: Hosts::new(address.ip()),
        });
        let indexes = state.store.engine().list_indexes()?;
        for index in indexes {
            Hosts::address(&state, &index.name).await?;
        }
        Ok(Self {
            listener,
            address,
            state,
        })
    }

    /// Where the control plane is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `end`; what has been asked by then is still answered.
    ///
    /// # Errors
    /// [`ServerError::Listen`] when it cannot go on.
    pub async fn run(self, end: impl Future<Output = ()> + Send) -> Result<(), ServerError> {
        let address = self.address;
        let (ended, ending) = watch::channel(false);
        let served = axum::serve(self.listener, control::router(&self.state))
            .with_graceful_shutdown(hosts::ended(ending));
        let ends = async {
            end.await;
            // There is a receiver as long as anything is served.
            let _ = ended.send(true);
        };
        let (served, ()) = tokio::join!(served.into_future(), ends);
        self.state.hosts.close_all().await;
        served.map_err(|source| ServerError::Listen { address, source })
    }
}
