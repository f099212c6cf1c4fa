//! Groups of duplicates in all output formats.

use std::io::Write;

use anyhow::Result;
use clipseek::similarity;
use indicatif::HumanBytes;
use maud::{Markup, html};
use picture::Picture;
use rayon::prelude::*;
use search::{Duplicate, DuplicateFile, DuplicateGroup, Duplicates};
use serde::Serialize;

use super::page::{document, image, url};
use super::tile;
use crate::terminal::{FAINT, STRONG, count, visible};

/// The longest side of a picture on the page, in pixels.
const EDGE: u32 = 360;

/// The maximum number of groups on a page; each picture takes about 30 kB.
const ON_A_PAGE: usize = 500;

/// The duplicates of a collection, with the parameters of the search.
#[derive(Debug, Serialize)]
pub(crate) struct Groups {
    pub(crate) collection: String,
    pub(crate) model: String,
    pub(crate) threshold: f32,
    #[serde(flatten)]
    pub(crate) found: Duplicates,
}

/// A block of lines per group, and the totals.
pub(crate) fn table(groups: &Groups, out: &mut dyn Write) -> Result<()> {
    for group in &groups.found.groups {
        line("keep", &group.keep, out)?;
        for other in &group.duplicates {
            line(&kind(other), &other.file, out)?;
        }
        writeln!(out)?;
    }
    Ok(writeln!(out, "{}", total(&groups.found))?)
}

fn line(kind: &str, file: &DuplicateFile, out: &mut dyn Write) -> Result<()> {
    let (size, bytes) = (pixels(file), HumanBytes(file.bytes).to_string());
    Ok(writeln!(
        out,
        "{STRONG}{kind:<6}{STRONG:#}  {FAINT}{size:>11}  {bytes:>11}{FAINT:#}  {}",
        visible(&file.location)
    )?)
}

/// How a duplicate relates to the picture to keep: `copy` or the similarity.
fn kind(other: &Duplicate) -> String {
    if other.is_copy {
        "copy".to_owned()
    } else {
        similarity(other.similarity)
    }
}

fn pixels(file: &DuplicateFile) -> String {
    format!("{} x {}", file.width, file.height)
}

fn total(found: &Duplicates) -> String {
    format!(
        "{}: {} of {} can be deleted, which frees {}",
        count(found.groups.len(), "group"),
        found.duplicates,
        count(found.pictures, "picture"),
        HumanBytes(found.bytes)
    )
}

/// One JSON object.
pub(crate) fn json(groups: &Groups, out: &mut dyn Write) -> Result<()> {
    serde_json::to_writer_pretty(&mut *out, groups)?;
    Ok(writeln!(out)?)
}

/// One JSON object per group and line.
pub(crate) fn json_lines(groups: &Groups, out: &mut dyn Write) -> Result<()> {
    for group in &groups.found.groups {
        serde_json::to_writer(&mut *out, group)?;
        writeln!(out)?;
    }
    Ok(())
}

/// The locations of exact copies, each followed by `end`; with `near` also of near-duplicates.
pub(crate) fn paths(groups: &Groups, near: bool, end: &str, out: &mut dyn Write) -> Result<()> {
    for group in &groups.found.groups {
        for other in group.duplicates.iter().filter(|it| near || it.is_copy) {
            write!(out, "{}{end}", other.file.path().display())?;
        }
    }
    Ok(())
}

/// A self-contained HTML page with a section per group.
pub(crate) fn page(groups: &Groups) -> String {
    let (found, shown) = (&groups.found, groups.found.groups.len().min(ON_A_PAGE));
    let sections: Vec<Markup> = found.groups[..shown].par_iter().map(section).collect();
    document(
        &format!("Duplicates of {}", groups.collection),
        &html! {
            h1 { "Duplicates" }
            p.about {
                "Collection " strong { (groups.collection) } ", by model " strong { (groups.model) } ": "
                (total(found)) "."
                @if shown < found.groups.len() {
                    " The page shows the " (shown) " groups that free the most space; --format json has all."
                }
            }
            @for section in &sections { (section) }
        },
        &format!(
            "Similarity is the cosine of the embeddings of a picture and of the one to keep. Pictures are compared from {} on.",
            similarity(groups.threshold)
        ),
    )
}

fn section(group: &DuplicateGroup) -> Markup {
    html! {
        section.group {
            p.about { (HumanBytes(group.bytes)) " can be freed" }
            ol.hits {
                (card("keep", &group.keep))
                @for other in &group.duplicates { (card(&kind(other), &other.file)) }
            }
        }
    }
}

fn card(kind: &str, file: &DuplicateFile) -> Markup {
    let picture: Option<Picture> = tile::thumbnail(file.path(), EDGE, EDGE);
    let name = file.address().name();
    html! {
        li {
            a href=(url(file.address())) title=(file.location) { (image(picture.as_ref(), name)) }
            p.caption { (pixels(file)) ", " (HumanBytes(file.bytes)) }
            p.facts {
                span.similarity { (kind) }
                span.name title=(file.location) { (file.location) }
            }
        }
    }
}
