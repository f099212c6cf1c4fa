//! Pinecone's API: the control plane, and the data plane of each index.

pub(crate) mod api_error;
pub(crate) mod control_plane;
pub(crate) mod data_plane;
pub(crate) mod hosts;
pub(crate) mod json_body;
pub(crate) mod parameters;
pub(crate) mod route;
