//! The first search result of the page, computed from its URL before any script runs.

use std::sync::Arc;

use axum::extract::Query;
use axum::http::Uri;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::collections;
use super::search::answer;
use super::state::ApiState;
use crate::workspace::HasWorkspace;

/// The number of pictures to search for, as many as the page requests at a time.
const TOP_K: usize = 100;

/// The number of tiles to render, enough for a large screen.
const TILES: usize = 60;

/// The collection to show if the URL names none.
const DEFAULT: &str = "default";

/// The limits of the aspect ratio of tiles, as in the page.
const NARROWEST: f64 = 0.62;
const WIDEST: f64 = 3.2;
const UNKNOWN: f64 = 4.0 / 3.0;

/// The first search result.
pub(crate) struct FirstView {
    /// Its first tiles.
    pub(crate) tiles: Markup,
    /// The whole result for the page's scripts, as JSON without `<`.
    pub(crate) json: String,
}

/// The parts of a search result that are rendered.
#[derive(Deserialize)]
struct Painted {
    hits: Vec<Tile>,
}

#[derive(Deserialize)]
struct Tile {
    id: String,
    similarity: Option<f32>,
    captions: Vec<String>,
    width: Option<u32>,
    height: Option<u32>,
    thumbnail: String,
}

/// Searches for what a URL of the page asks. `None` if that fails or needs the page's scripts.
pub(crate) async fn first_view(state: &Arc<ApiState>, uri: &Uri) -> Option<FirstView> {
    let Query(parameters) = Query::<Vec<(String, String)>>::try_from_uri(uri).ok()?;
    // Called only if no key is needed.
    let scope = state.workspace().unbounded();
    let collections = collections::shown(&scope).await.ok()?;
    let named = parameters
        .iter()
        .find(|(name, value)| name == "in" && !value.is_empty());
    let collection = match named {
        Some((_, name)) => name.clone(),
        None => {
            let first = collections.iter().find(|it| it.name == DEFAULT);
            first.or(collections.first())?.name.clone()
        }
    };
    let body = serde_json::from_value(body(&parameters)?).ok()?;
    let found = answer(state, &scope, collection.clone(), body, Vec::new())
        .await
        .ok()?;
    let painted: Painted = serde_json::from_slice(&found).ok()?;
    let tiles = painted.hits.iter().take(TILES);
    let tiles = html! { @for it in tiles { (tile(it)) } };
    let json = format!(
        r#"{{"collections":{},"collection":{},"found":{}}}"#,
        serde_json::to_string(&collections).ok()?,
        serde_json::to_string(&collection).ok()?,
        str::from_utf8(&found).ok()?,
    );
    let json = json.replace('<', "\\u003c");
    Some(FirstView { tiles, json })
}

/// The request that the page would send for a URL (see `query.js`); `None` for pictures that only the browser has.
fn body(parameters: &[(String, String)]) -> Option<Value> {
    let value = |name: &str| {
        let found = parameters.iter().find(|(it, _)| it == name);
        found.map_or("", |(_, value)| value.as_str())
    };
    let mut body = Map::new();
    for (name, field) in [
        ("after", "taken_after"),
        ("before", "taken_before"),
        ("folder", "folder"),
        ("keywords", "keywords"),
        ("sort", "sort"),
    ] {
        if !value(name).is_empty() {
            body.insert(field.to_owned(), value(name).into());
        }
    }
    let mut mix = Vec::new();
    if !value("q").trim().is_empty() {
        mix.push(json!({"text": value("q").trim(), "weight": 1}));
    }
    let mut filter = Map::new();
    for (name, value) in parameters {
        if name == "term" {
            mix.push(term(value)?);
        } else if let Some(column) = name.strip_prefix("is.") {
            let of_column = filter.entry(column).or_insert_with(|| json!({"$in": []}));
            of_column["$in"].as_array_mut()?.push(plain(value));
        }
    }
    if !filter.is_empty() {
        body.insert("filter".to_owned(), filter.into());
    }
    let threshold = value("threshold").parse::<f32>();
    if let Some(threshold) = threshold.ok().filter(|it| *it > 0.0 && !mix.is_empty()) {
        body.insert("threshold".to_owned(), threshold.into());
    }
    if !value("compare").is_empty() {
        body.insert("in".to_owned(), json!([value("compare")]));
    }
    body.insert("mix".to_owned(), mix.into());
    body.insert("fold".to_owned(), true.into());
    body.insert("top_k".to_owned(), TOP_K.into());
    Some(body.into())
}

/// `WEIGHT~KIND~VALUE`
fn term(written: &str) -> Option<Value> {
    let (weight, rest) = written.split_once('~')?;
    let (kind, value) = rest.split_once('~')?;
    let weight: f32 = weight.parse().ok()?;
    matches!(kind, "text" | "like").then(|| json!({kind: value, "weight": weight}))
}

/// Parses a value: text, or a colon and a number or boolean in JSON.
fn plain(written: &str) -> Value {
    match written.strip_prefix(':') {
        Some(value) => serde_json::from_str(value).unwrap_or_else(|_| written.into()),
        None => written.strip_prefix('\\').unwrap_or(written).into(),
    }
}

fn tile(hit: &Tile) -> Markup {
    let size = hit.width.zip(hit.height);
    let ratio = size.map_or(UNKNOWN, |(width, height)| {
        f64::from(width) / f64::from(height)
    });
    // The style sheet has aspect ratios in steps of 0.1.
    let ratio = (ratio.clamp(NARROWEST, WIDEST) * 10.0).round();
    let class = format!("tile r{ratio}");
    let small = format!("{}&width=320", hit.thumbnail);
    html! {
        div class=(class) data-id=(hit.id) {
            div.frame { img alt="" src=(small); }
            div.facts {
                @if let Some(similarity) = hit.similarity { span.score { (format!("{similarity:.2}")) } }
            }
            time {}
            p.words dir="auto" { @if let Some(caption) = hit.captions.first() { (caption) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_question() {
        let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            pairs.iter().map(owned).collect()
        };
        let asked = pairs(&[
            ("q", " a dog "),
            ("term", "-0.5~text~a~b"),
            ("term", "1~like~x"),
            ("threshold", "0.5"),
            ("sort", "newest"),
            ("after", "2019"),
            ("is.brand", "acme"),
            ("is.brand", "\\:x"),
            ("is.year", ":1999"),
            ("open", "x"),
        ]);
        let expected = json!({
            "taken_after": "2019", "sort": "newest",
            "filter": {"brand": {"$in": ["acme", ":x"]}, "year": {"$in": [1999]}},
            "threshold": 0.5,
            "mix": [
                {"text": "a dog", "weight": 1},
                {"text": "a~b", "weight": -0.5},
                {"like": "x", "weight": 1.0},
            ],
            "fold": true, "top_k": 100,
        });
        assert_eq!(body(&asked), Some(expected));
        let start = json!({"mix": [], "fold": true, "top_k": 100});
        assert_eq!(body(&pairs(&[("threshold", "0.5")])), Some(start));
        for elsewhere in [
            "1~url~https://example.org/a.jpg",
            "1~file~1",
            "1",
            "x~text~y",
        ] {
            assert_eq!(body(&pairs(&[("term", elsewhere)])), None, "{elsewhere}");
        }
    }
}
