//! The binary as its users have it: real commands, the bundled model, real files.

mod adding;
mod addresses;
mod demonstration;
mod duplicates;
mod errors;
mod hub_models;
mod lasting;
mod mixes;
mod rankings;
mod raw_vectors;
mod searching;
mod text_models;
mod vectors;
mod world;
