use anyhow::Result;
use clipseek::{Answer, Query, Sign, Term, TermKind};
use picture::Picture;
use rayon::prelude::*;
use search::Hit;

use super::canvas::{Canvas, Colour};
use super::names::names;
use super::{caption, evidence, tile};
use crate::error::Error;

const BACK: Colour = [255, 255, 255];
const EMPTY: Colour = [235, 234, 231];
const INK: Colour = [29, 29, 31];
const FAINT: Colour = [109, 109, 114];
const ACCENT: Colour = [180, 69, 31];

/// The maximum number of columns of results, next to the column of the query.
const COLUMNS: usize = 4;
/// The side of the square that a picture fits into.
const EDGE: usize = 280;
/// The same for a picture in a query with several terms.
const TERM_EDGE: usize = 132;
/// The maximum number of pictures on a grid; few programs open larger files.
const MOST: usize = 200;
/// The gap between elements.
const GAP: usize = 24;
/// The size of captions and their line height.
const TEXT: f32 = 17.0;
const LINE: usize = 22;
/// The maximum number of caption lines below a picture; one or two lines of scores follow.
const CAPTION_LINES: usize = 3;
const CELL: usize = EDGE + 8 + (CAPTION_LINES + 2) * LINE;

/// Draws the query next to its results, each with caption and similarity.
pub(crate) fn grid(answer: &Answer) -> Result<Picture> {
    let hits = &answer.found.hits;
    if hits.len() > MOST {
        let (most, found) = (MOST, hits.len());
        return Err(Error::GridTooLarge { most, found }.into());
    }
    let columns = hits.len().clamp(1, COLUMNS);
    let rows = hits.len().div_ceil(columns).max(1);
    let width = GAP + (1 + columns) * (EDGE + GAP) + GAP;
    let blocks = Block::of_query(&answer.query, &Canvas::new(1, 1, BACK)?);
    let query: usize = blocks.iter().map(|block| block.height() + GAP).sum();
    let height = query.max(rows * (CELL + GAP));
    let mut canvas = Canvas::new(width, GAP + height, BACK)?;
    let mut y = GAP;
    for block in &blocks {
        block.draw(&mut canvas, y);
        y += block.height() + GAP;
    }
    canvas.fill(GAP + EDGE + GAP, GAP, 1, height - GAP, EMPTY);
    let pictures: Vec<Option<Picture>> = hits
        .par_iter()
        .map(|hit| {
            let edge = EDGE as u32;
            tile::fitted(hit.path(), edge, edge)
        })
        .collect();
    let names = names(hits);
    for (n, (hit, picture)) in hits.iter().zip(&pictures).enumerate() {
        let x = GAP + (1 + n % columns) * (EDGE + GAP) + GAP;
        let y = GAP + (n / columns) * (CELL + GAP);
        draw_picture(&mut canvas, picture.as_ref(), EDGE, x, y);
        let label = caption(hit, &answer.query).unwrap_or(&names[n]);
        draw_hit(&mut canvas, hit, label, x, y + EDGE + 8);
    }
    canvas.into_picture()
}

/// A drawn term of the query: a line with its sign, and words or a picture below.
struct Block {
    label: String,
    size: f32,
    lines: Vec<String>,
    picture: Option<Square>,
}

/// A picture in a square of side `edge`; `None` if its file cannot be read.
struct Square {
    picture: Option<Picture>,
    edge: usize,
}

impl Block {
    /// The blocks of a query. A single block is large; those of a mix share the column.
    fn of_query(query: &Query, canvas: &Canvas) -> Vec<Block> {
        let is_mix = query.is_mix();
        let terms = query.terms.iter().enumerate();
        let terms = terms.map(|(n, term)| {
            if is_mix {
                Block::of_term(term, n == 0, canvas)
            } else {
                Block::alone(&term.kind, canvas)
            }
        });
        let keywords = query.keywords.as_ref();
        let keywords = keywords.map(|it| Block::of_words("Keywords", it.text(), canvas));
        terms.chain(keywords).collect()
    }

    fn of_words(label: &str, words: &str, canvas: &Canvas) -> Block {
        Block {
            label: label.to_owned(),
            size: 20.0,
            lines: canvas.wrap(words, 20.0, EDGE, 4),
            picture: None,
        }
    }

    fn alone(what: &TermKind, canvas: &Canvas) -> Block {
        Block::of(what, "Query".to_owned(), (26.0, 10), EDGE, canvas)
    }

    fn of_term(term: &Term, is_first: bool, canvas: &Canvas) -> Block {
        let weight = term.weight;
        let sign = Sign { weight, is_first };
        let label = match term.kind {
            TermKind::Words(_) => format!("{sign}words"),
            _ => format!("{sign}picture"),
        };
        let label = label.trim_start().to_owned();
        Block::of(&term.kind, label, (20.0, 4), TERM_EDGE, canvas)
    }

    fn of(
        what: &TermKind,
        label: String,
        (size, most): (f32, usize),
        edge: usize,
        canvas: &Canvas,
    ) -> Block {
        let (words, picture) = match what {
            TermKind::Words(words) => (words.as_str(), None),
            what => {
                let side = edge as u32;
                let small = tile::of_term(what, side, side);
                let picture = small.map(|small| tile::enlarged(small, side, side));
                ("", Some(Square { picture, edge }))
            }
        };
        Block {
            label,
            size,
            lines: canvas.wrap(words, size, EDGE, most),
            picture,
        }
    }

    fn height(&self) -> usize {
        let picture = self.picture.as_ref().map_or(0, |square| square.edge);
        LINE + 6 + self.lines.len() * self.line() + picture
    }

    fn line(&self) -> usize {
        (self.size * 1.3) as usize
    }

    fn draw(&self, canvas: &mut Canvas, y: usize) {
        canvas.write(&self.label, GAP, y, TEXT, FAINT);
        let y = y + LINE + 6;
        for (n, line) in self.lines.iter().enumerate() {
            canvas.write(line, GAP, y + n * self.line(), self.size, INK);
        }
        if let Some(square) = &self.picture {
            draw_picture(canvas, square.picture.as_ref(), square.edge, GAP, y);
        }
    }
}

fn draw_hit(canvas: &mut Canvas, hit: &Hit, label: &str, x: usize, y: usize) {
    let lines = canvas.wrap(label, TEXT, EDGE, CAPTION_LINES);
    for (n, line) in lines.iter().enumerate() {
        canvas.write(line, x, y + n * LINE, TEXT, INK);
    }
    let facts: Vec<String> = evidence(hit)
        .into_iter()
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    let facts = canvas.wrap(&facts.join("  "), TEXT, EDGE, 2);
    for (n, line) in facts.iter().enumerate() {
        canvas.write(line, x, y + (lines.len() + n) * LINE, TEXT, ACCENT);
    }
}

/// Draws a picture centred in its square; an empty square if there is none.
fn draw_picture(canvas: &mut Canvas, picture: Option<&Picture>, edge: usize, x: usize, y: usize) {
    canvas.fill(x, y, edge, edge, EMPTY);
    let Some(picture) = picture else {
        let y = y + edge / 2 - LINE / 2;
        return canvas.write("cannot be read", x + 8, y, TEXT, FAINT);
    };
    let middle = |length: u32| (edge - length as usize) / 2;
    canvas.draw(
        picture,
        x + middle(picture.width()),
        y + middle(picture.height()),
    );
}
