//! The crate from outside: sources in, listings and files out.

mod arbitrary;
mod downloads;
mod embeddings;
mod fetching;
mod folder;
mod listing;
mod parquet;
mod table;
mod table_forms;
mod tree;
