//! The control plane: indexes, health and metrics.

mod api_version;
mod health;
mod index_model;
mod indexes;
mod routes;
mod state;

pub(crate) use self::routes::{router, routes};
pub(crate) use self::state::ControlState;
