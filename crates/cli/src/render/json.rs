use std::io::Write;

use anyhow::Result;
use search::{Hit, Keywords};
use serde::Serialize;

use super::Answer;
use crate::question::{Part, Question, What};

/// An answer for other programs.
#[derive(Serialize)]
struct JsonAnswer<'a> {
    query: JsonQuery<'a>,
    /// What was searched.
    r#in: Vec<&'static str>,
    collection: &'a str,
    model: &'a str,
    /// The best similarity there was, whatever the threshold.
    best: Option<f32>,
    hits: Vec<JsonHit<'a>>,
}

#[derive(Serialize)]
struct JsonQuery<'a> {
    #[serde(flatten)]
    question: Option<JsonQuestion<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keywords: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum JsonQuestion<'a> {
    Text(&'a str),
    Image(String),
    Like(&'a str),
    Mix(Vec<JsonPart<'a>>),
}

/// A term of a mix.
#[derive(Serialize)]
struct JsonPart<'a> {
    weight: f32,
    #[serde(flatten)]
    what: JsonQuestion<'a>,
}

impl<'a> JsonQuestion<'a> {
    fn of(question: &'a Question) -> Option<JsonQuestion<'a>> {
        match question.parts.as_slice() {
            [] => None,
            [part] => Some(JsonQuestion::of_part(part)),
            parts => Some(JsonQuestion::Mix(parts.iter().map(JsonPart::of).collect())),
        }
    }

    fn of_part(part: &'a Part) -> JsonQuestion<'a> {
        match &part.what {
            What::Words(words) => JsonQuestion::Text(words),
            What::Picture(path) => JsonQuestion::Image(path.to_string_lossy().into_owned()),
            What::Received(received) => JsonQuestion::Image(received.name.clone()),
            What::Like { id, .. } => JsonQuestion::Like(id),
        }
    }
}

impl<'a> JsonPart<'a> {
    fn of(part: &'a Part) -> JsonPart<'a> {
        JsonPart {
            weight: part.weight,
            what: JsonQuestion::of_part(part),
        }
    }
}

#[derive(Serialize)]
struct JsonHit<'a> {
    rank: usize,
    #[serde(flatten)]
    hit: &'a Hit,
}

/// One JSON object.
pub(crate) fn json(answer: &Answer, out: &mut dyn Write) -> Result<()> {
    let object = JsonAnswer {
        query: JsonQuery {
            question: JsonQuestion::of(&answer.question),
            keywords: answer.question.keywords.as_ref().map(Keywords::text),
        },
        r#in: answer.question.fields(),
        collection: &answer.collection,
        model: &answer.model,
        best: answer.found.best,
        hits: ranked(answer).collect(),
    };
    serde_json::to_writer_pretty(&mut *out, &object)?;
    Ok(writeln!(out)?)
}

/// One JSON object a hit, a line each.
pub(crate) fn json_lines(answer: &Answer, out: &mut dyn Write) -> Result<()> {
    for hit in ranked(answer) {
        serde_json::to_writer(&mut *out, &hit)?;
        writeln!(out)?;
    }
    Ok(())
}

fn ranked(answer: &Answer) -> impl Iterator<Item = JsonHit<'_>> {
    answer
        .found
        .hits
        .iter()
        .enumerate()
        .map(|(n, hit)| JsonHit { rank: n + 1, hit })
}
