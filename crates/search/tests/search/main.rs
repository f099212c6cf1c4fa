//! Collections, with random models, on a real disk.

mod collections;
mod lasting;
mod texts;
mod world;
