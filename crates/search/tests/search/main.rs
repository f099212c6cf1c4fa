//! Collections, with random models, on a real disk.

mod collections;
mod duplicates;
mod lasting;
mod rankings;
mod texts;
mod world;
