//! What a search shows: one answer, in many forms.

mod canvas;
mod grid;
mod json;
mod page;
mod table;
mod tile;

pub(crate) use grid::grid;
pub(crate) use json::{json, json_lines};
pub(crate) use page::page;
pub(crate) use table::{paths, table};

use search::{Hit, Hits};

use crate::question::Question;

/// A question and what was found.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) question: Question,
    pub(crate) collection: String,
    pub(crate) model: String,
    pub(crate) found: Hits,
}

/// A similarity as it is shown: the raw cosine.
pub(crate) fn similarity(value: f32) -> String {
    let shown = format!("{value:.3}");
    match shown.as_str() {
        "-0.000" => "0.000".to_owned(),
        _ => shown,
    }
}

/// What is said of a hit: its caption, or the file's name.
pub(crate) fn label(hit: &Hit) -> &str {
    match hit.captions.first() {
        Some(caption) => caption,
        None => file_name(&hit.place),
    }
}

/// The last part of a place.
pub(crate) fn file_name(place: &str) -> &str {
    place
        .rsplit(std::path::MAIN_SEPARATOR)
        .next()
        .unwrap_or(place)
}
