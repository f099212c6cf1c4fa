//! Tests the client against a double of the Hub.

mod caching;
mod disks;
mod processes;
mod pulling;
mod redirects;
mod refusals;
mod troubles;
mod world;
