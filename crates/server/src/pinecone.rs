//! Pinecone's API: the control plane, and the data plane of each index over REST and gRPC.

mod api;
mod api_error;
mod collection_index;
mod control_plane;
mod data_plane;
mod dispatcher;
mod endpoints;
mod index_hosts;
mod json_body;
mod parameters;
mod public_host;
mod route;

pub(crate) use self::control_plane::ControlState;
pub(crate) use self::dispatcher::router;
pub use self::endpoints::endpoints;
pub use self::public_host::PublicHost;
pub use self::route::Endpoint;
