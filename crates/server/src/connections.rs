//! What lies between the network and an API: listening, encryption, limits, keys, metrics and the log.

pub(crate) mod admission;
pub(crate) mod guard;
pub(crate) mod keys;
pub(crate) mod limits;
pub(crate) mod lingering_stream;
pub(crate) mod listener;
pub(crate) mod log;
pub(crate) mod metrics;
pub(crate) mod origin;
pub(crate) mod request_body;
pub(crate) mod tls;
