//! The layer between the network and the APIs: listening, TLS, limits, keys, metrics and the log.
//!
//! The [`listener`] accepts a connection within the limits of [`admission`]; its requests pass the [guard](mod@guard) on
//! their way to a router. This layer does not know the APIs: an [`Api`] describes what access a request needs and how
//! refusals are formatted.

mod activity;
mod admission;
mod api;
mod connection;
mod cors;
mod exchange;
mod gateway;
mod grant;
mod guard;
mod keys;
mod limits;
mod lingering_stream;
mod listener;
mod log;
mod metrics;
mod origin;
mod rate_limit;
mod refusal;
mod request_body;
mod request_id;
mod requested_host;
mod tls;
mod whole_body;

pub(crate) use self::admission::{BODY_SHARE, LARGEST_BODY};
pub(crate) use self::api::{Access, Api, RefusalForm};
pub use self::cors::Origin;
pub(crate) use self::cors::cors;
pub(crate) use self::gateway::{Gateway, GatewayOptions};
pub(crate) use self::grant::{Columns, Grant, HiddenColumn};
pub(crate) use self::guard::guard;
pub use self::keys::{KeyListError, Keys};
pub use self::limits::Limits;
pub(crate) use self::listener::{listen, serve};
pub(crate) use self::log::Fault;
pub use self::log::Log;
pub(crate) use self::origin::check as check_origin;
pub(crate) use self::refusal::Refusal;
pub(crate) use self::request_body::discard_small;
pub(crate) use self::requested_host::requested_host;
pub use self::tls::{Tls, TlsError};
pub(crate) use self::whole_body::{BodyError, whole_body};
