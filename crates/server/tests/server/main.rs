//! The server over real sockets: one program for all its tests, as each would link all that clipseek is made of.

mod api;
mod conformance;
mod cors;
mod drop_in;
mod endpoints;
mod grpc;
mod hostile_clients;
mod json_api;
mod keys;
mod originals;
mod service;
mod support;
mod uploads;
