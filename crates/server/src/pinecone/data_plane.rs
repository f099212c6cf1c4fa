//! The data plane of an index: its vectors, over REST and gRPC.

mod grpc;
mod operations;
mod records;
mod routes;
mod vectors;
mod write_numbers;

pub(crate) use self::routes::{DataPlane, routes};
