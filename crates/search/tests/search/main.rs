//! Collections with random models on a real disk.

mod collections;
mod counts;
mod duplicates;
mod lasting;
mod paging;
mod rankings;
mod streams;
mod texts;
mod world;
