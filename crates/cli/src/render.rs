//! What a search shows: one answer, in many forms.

mod canvas;
mod contact_sheet;
pub(crate) mod duplicates;
mod grid;
mod json;
mod lines;
mod page;
mod table;
mod tile;

pub(crate) use contact_sheet::contact_sheet;
pub(crate) use duplicates::Groups;
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
    caption(hit).unwrap_or_else(|| file_name(&hit.place))
}

/// The caption that found a hit, or else its first.
pub(crate) fn caption(hit: &Hit) -> Option<&str> {
    let found = hit.caption.as_ref().map(|caption| &caption.text);
    found.or(hit.captions.first()).map(String::as_str)
}

/// What speaks for a hit: the name of each kind of evidence, and how strong it is.
pub(crate) fn evidence(hit: &Hit) -> Vec<(&'static str, String)> {
    let image = hit.similarity.map(|it| ("Similarity", similarity(it)));
    let caption = hit.caption.as_ref();
    let caption = caption.map(|it| ("Caption", similarity(it.similarity)));
    let keywords = hit
        .keyword_rank
        .map(|rank| ("Keywords", format!("no. {rank}")));
    [image, caption, keywords].into_iter().flatten().collect()
}

/// The last part of a place.
pub(crate) fn file_name(place: &str) -> &str {
    let separator = match is_url(place) {
        true => '/',
        false => std::path::MAIN_SEPARATOR,
    };
    let last = place.rsplit(separator).next();
    last.filter(|name| !name.is_empty()).unwrap_or(place)
}

/// Whether a place is a URL.
fn is_url(place: &str) -> bool {
    place.starts_with("http://") || place.starts_with("https://")
}
