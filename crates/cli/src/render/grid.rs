use std::path::Path;

use anyhow::Result;
use picture::Picture;
use rayon::prelude::*;
use search::Hit;

use super::canvas::{Canvas, Colour};
use super::{Answer, Question, label, similarity, tile};
use crate::error::Error;

const BACK: Colour = [255, 255, 255];
const EMPTY: Colour = [235, 234, 231];
const INK: Colour = [29, 29, 31];
const FAINT: Colour = [109, 109, 114];
const ACCENT: Colour = [180, 69, 31];

/// Results beside each other at most; the query has a column of its own before them.
const COLUMNS: usize = 4;
/// The edge of the square that a picture fits into.
const EDGE: usize = 280;
/// Pictures on a grid at most: more would make a file that few programs open.
const MOST: usize = 200;
/// The blank between things.
const GAP: usize = 24;
/// The size of captions, and the height of their lines.
const TEXT: f32 = 17.0;
const LINE: usize = 22;
/// Lines of caption under a picture, before the line with the similarity.
const CAPTION_LINES: usize = 3;
const CELL: usize = EDGE + 8 + (CAPTION_LINES + 1) * LINE;

/// The query beside its results, as a picture: caption and similarity stand under each.
pub(crate) fn grid(answer: &Answer) -> Result<Picture> {
    let hits = &answer.found.hits;
    if hits.len() > MOST {
        let (most, found) = (MOST, hits.len());
        return Err(Error::GridTooLarge { most, found }.into());
    }
    let columns = hits.len().clamp(1, COLUMNS);
    let rows = hits.len().div_ceil(columns).max(1);
    let width = GAP + (1 + columns) * (EDGE + GAP) + GAP;
    let mut canvas = Canvas::new(width, GAP + rows * (CELL + GAP), BACK)?;
    draw_question(&mut canvas, &answer.question);
    canvas.fill(GAP + EDGE + GAP, GAP, 1, rows * (CELL + GAP) - GAP, EMPTY);
    let pictures: Vec<Option<Picture>> = hits
        .par_iter()
        .map(|hit| tile::square(Path::new(&hit.place), EDGE as u32))
        .collect();
    for (n, (hit, picture)) in hits.iter().zip(&pictures).enumerate() {
        let x = GAP + (1 + n % columns) * (EDGE + GAP) + GAP;
        let y = GAP + (n / columns) * (CELL + GAP);
        draw_picture(&mut canvas, picture.as_ref(), x, y);
        draw_hit(&mut canvas, hit, x, y + EDGE + 8);
    }
    canvas.into_picture()
}

fn draw_question(canvas: &mut Canvas, question: &Question) {
    match question {
        Question::Words(words) => {
            canvas.write("Query", GAP, GAP, TEXT, FAINT);
            let size = 26.0;
            for (n, line) in canvas.wrap(words, size, EDGE, 10).iter().enumerate() {
                canvas.write(line, GAP, GAP + LINE + 6 + n * 34, size, INK);
            }
        }
        Question::Picture(path) | Question::Like { place: path, .. } => {
            draw_picture(canvas, tile::square(path, EDGE as u32).as_ref(), GAP, GAP);
            canvas.write("Query", GAP, GAP + EDGE + 8, TEXT, FAINT);
        }
    }
}

fn draw_hit(canvas: &mut Canvas, hit: &Hit, x: usize, y: usize) {
    let lines = canvas.wrap(label(hit), TEXT, EDGE, CAPTION_LINES);
    for (n, line) in lines.iter().enumerate() {
        canvas.write(line, x, y + n * LINE, TEXT, INK);
    }
    let facts = format!("Similarity: {}", similarity(hit.similarity));
    canvas.write(&facts, x, y + lines.len() * LINE, TEXT, ACCENT);
}

/// Draws a picture into the middle of its square; an empty square where there is none.
fn draw_picture(canvas: &mut Canvas, picture: Option<&Picture>, x: usize, y: usize) {
    canvas.fill(x, y, EDGE, EDGE, EMPTY);
    match picture {
        Some(picture) => {
            let middle = |length: u32| (EDGE - length as usize) / 2;
            canvas.draw(
                picture,
                x + middle(picture.width()),
                y + middle(picture.height()),
            );
        }
        None => canvas.write(
            "file not found",
            x + 16,
            y + EDGE / 2 - LINE / 2,
            TEXT,
            FAINT,
        ),
    }
}
