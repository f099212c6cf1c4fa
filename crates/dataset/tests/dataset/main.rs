//! Tests of the crate's public API: reading sources, writing listings and files.

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
