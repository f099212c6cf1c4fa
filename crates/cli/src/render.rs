//! What a search shows: one answer, in many forms.

mod canvas;
mod contact_sheet;
pub(crate) mod duplicates;
mod grid;
mod lines;
mod page;
mod table;
mod tile;

pub(crate) use contact_sheet::contact_sheet;
pub(crate) use duplicates::Groups;
pub(crate) use grid::grid;
pub(crate) use page::page;
pub(crate) use table::{paths, table};

use std::io::Write;

use anyhow::Result;
use clipseek::{Answer, similarity};
use search::Hit;

/// One JSON object.
pub(crate) fn json(answer: &Answer, out: &mut dyn Write) -> Result<()> {
    serde_json::to_writer_pretty(&mut *out, answer)?;
    Ok(writeln!(out)?)
}

/// One JSON object a hit, a line each.
pub(crate) fn json_lines(answer: &Answer, out: &mut dyn Write) -> Result<()> {
    for hit in answer.ranked() {
        serde_json::to_writer(&mut *out, &hit)?;
        writeln!(out)?;
    }
    Ok(())
}

/// What is said of a hit: its caption, or the file's name.
pub(crate) fn label(hit: &Hit) -> &str {
    caption(hit).unwrap_or_else(|| hit.address().name())
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
