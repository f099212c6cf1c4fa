//! Search results in all output formats.

mod canvas;
mod contact_sheet;
pub(crate) mod duplicates;
mod grid;
mod lines;
mod names;
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
use clipseek::{Answer, Query, similarity};
use search::{Hit, keys};
use serde_json::Value;

/// One JSON object.
pub(crate) fn json(answer: &Answer, out: &mut dyn Write) -> Result<()> {
    serde_json::to_writer_pretty(&mut *out, answer)?;
    Ok(writeln!(out)?)
}

/// One JSON object per hit and line.
pub(crate) fn json_lines(answer: &Answer, out: &mut dyn Write) -> Result<()> {
    for hit in answer.ranked() {
        serde_json::to_writer(&mut *out, &hit)?;
        writeln!(out)?;
    }
    Ok(())
}

/// The caption that matched, else the first caption, else a text in the file, preferably one with a keyword.
pub(crate) fn caption<'a>(hit: &'a Hit, query: &Query) -> Option<&'a str> {
    let found = hit.caption.as_ref().map(|caption| &caption.text);
    let caption = found.or(hit.captions.first()).map(String::as_str);
    caption.or_else(|| text_in_file(hit, query))
}

fn text_in_file<'a>(hit: &'a Hit, query: &Query) -> Option<&'a str> {
    let fields = [keys::TITLE, keys::DESCRIPTION, keys::KEYWORDS].into_iter();
    let values = fields.filter_map(|key| hit.metadata.get(key));
    let texts: Vec<&str> = values
        .flat_map(|value| match value {
            Value::Array(values) => values.iter().filter_map(Value::as_str).collect(),
            value => value.as_str().into_iter().collect::<Vec<_>>(),
        })
        .collect();
    let keywords = query.keywords.as_ref().map(|it| it.text().to_lowercase());
    let keywords = keywords.unwrap_or_default();
    let words = keywords.split(|c: char| !c.is_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let has_word = |text: &&&str| {
        let text = text.to_lowercase();
        words.iter().any(|word| text.contains(word))
    };
    let matching = texts.iter().find(has_word);
    matching.or(texts.first()).copied()
}

/// Why a hit was found: the name and the value of each score.
pub(crate) fn evidence(hit: &Hit) -> Vec<(&'static str, String)> {
    let image = hit.similarity.map(|it| ("Similarity", similarity(it)));
    let caption = hit.caption.as_ref();
    let caption = caption.map(|it| ("Caption", similarity(it.similarity)));
    let keywords = hit
        .keyword_rank
        .map(|rank| ("Keywords", format!("no. {rank}")));
    [image, caption, keywords].into_iter().flatten().collect()
}
