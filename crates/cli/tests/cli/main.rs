//! The binary as its users have it: real commands, the bundled model, real files.

mod adding;
mod addresses;
mod daily_tables;
mod demonstration;
mod documents;
mod duplicates;
mod errors;
mod help;
mod hub_models;
mod instructions;
mod interruptions;
mod lasting;
mod mixes;
mod outputs;
mod pinecone;
mod places;
#[cfg(unix)]
mod played_terminal;
mod precisions;
mod rankings;
mod raw_vectors;
mod rooms;
mod searching;
#[cfg(unix)]
mod serving;
mod shells;
#[cfg(unix)]
mod terminals;
mod text_models;
mod training;
mod url_lists;
mod vectors;
mod world;
