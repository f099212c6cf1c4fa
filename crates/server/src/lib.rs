//! An HTTP server over a store: the search page, a JSON API, Pinecone's API, and embeddings for Immich and OpenAI clients.
//!
//! The control plane of Pinecone's API, which creates and describes indexes, is at the server's own address. Pinecone
//! clients ask it for the host of an index and send requests there with paths from the root. So each index has its own
//! port, which stays the same after a restart, for REST and gRPC.

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
