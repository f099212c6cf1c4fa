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

use std::path::PathBuf;

use search::{Hit, Hits};

/// A question and what was found.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) question: Question,
    pub(crate) collection: String,
    pub(crate) model: String,
    pub(crate) found: Hits,
}

/// What was asked.
#[derive(Clone, Debug)]
pub(crate) enum Question {
    /// Words.
    Words(String),
    /// A picture's file.
    Picture(PathBuf),
    /// A picture of the collection.
    Like { id: String, place: PathBuf },
}

impl Question {
    /// The question in a few words.
    pub(crate) fn title(&self) -> String {
        match self {
            Question::Words(words) => words.clone(),
            Question::Picture(path) => format!("like {}", path.display()),
            Question::Like { place, .. } => format!("like {}", place.display()),
        }
    }
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
