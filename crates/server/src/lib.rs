//! Pinecone's API over a store: what an official client of Pinecone does, it does here unchanged.
//!
//! The control plane, which makes and describes indexes, is at the server's own address. Pinecone's clients ask
//! it where an index is and then talk to that host, with paths that begin at its root: so each index has a port
//! of its own, which it keeps when the server is started again. There it is asked over HTTP or over gRPC.

mod api;
mod connections;
mod error;
mod immich;
mod models;
mod openai;
mod page;
mod permits;
mod pinecone;
mod route;
mod server;
mod view;
mod workspace;

pub use self::connections::{KeyListError, Keys, Limits, Log, Origin, Tls, TlsError};
pub use self::error::ServerError;
pub use self::pinecone::{Endpoint, PublicHost, endpoints};
pub use self::server::{Displaced, Server, ServerOptions};
