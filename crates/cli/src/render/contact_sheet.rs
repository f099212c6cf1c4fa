use std::io::Write;

use anstream::adapter::strip_str;
use anyhow::Result;
use clipseek::{Answer, Query};
use picture::Size;
use rayon::prelude::*;
use search::Hit;
use unicode_width::UnicodeWidthStr;

use super::lines::{padded, padded_path, wrap};
use super::names::names;
use super::{caption, evidence, tile};
use crate::graphics::{Drawing, Graphics};
use crate::terminal::{FAINT, STRONG, visible};

/// The minimum width of a tile and the gap between tiles, in columns.
const TILE: u32 = 24;
const GAP: u32 = 2;

/// The maximum number of caption lines below a picture.
const CAPTION_LINES: usize = 2;

/// The maximum number of lines below a picture: scores, file name, caption, id, and a blank line.
const TEXT: u32 = 3 + CAPTION_LINES as u32 + 1;

/// Draws pictures side by side on the terminal, each with the data of its table row.
pub(crate) fn contact_sheet(
    answer: &Answer,
    graphics: &Graphics,
    is_plain: bool,
    out: &mut dyn Write,
) -> Result<()> {
    let sheet = Sheet::of(graphics, &answer.query);
    let names = names(&answer.found.hits);
    for (n, hits) in answer.found.hits.chunks(sheet.columns as usize).enumerate() {
        let drawings: Vec<Option<Drawing>> = hits.par_iter().map(|hit| sheet.draw(hit)).collect();
        let before = n * sheet.columns as usize;
        let lines = sheet.lines(hits, &names[before..], &drawings, before);
        sheet.write_row(&lines, &drawings, is_plain, out)?;
        out.flush()?;
    }
    Ok(())
}

/// The layout of tiles on the terminal.
struct Sheet<'a> {
    graphics: &'a Graphics,
    query: &'a Query,
    columns: u32,
    /// The size of a picture in a tile, in cells.
    frame: Size,
}

impl<'a> Sheet<'a> {
    fn of(graphics: &'a Graphics, query: &'a Query) -> Sheet<'a> {
        let window = graphics.window;
        let columns = ((window.width + GAP) / (TILE + GAP)).max(1);
        let width = (window.width + GAP) / columns - GAP;
        // Most photographs are at most 3:4 high, and a row must fit on the terminal.
        let height = width * graphics.cell.width * 3 / (4 * graphics.cell.height);
        let most = window.height.saturating_sub(TEXT + 1);
        Sheet {
            graphics,
            query,
            columns,
            frame: Size {
                width,
                height: height.min(most).max(1),
            },
        }
    }

    fn draw(&self, hit: &Hit) -> Option<Drawing> {
        let Size { width, height } = self.graphics.pixels(self.frame);
        let picture = tile::fitted(hit.path(), width, height)?;
        Some(self.graphics.draw(&picture))
    }

    /// The lines of a row of tiles. Pictures cover the first ones.
    fn lines(
        &self,
        hits: &[Hit],
        names: &[String],
        drawings: &[Option<Drawing>],
        before: usize,
    ) -> Vec<String> {
        let width = self.frame.width as usize;
        let captions: Vec<Vec<String>> = hits.iter().map(|hit| self.caption(hit)).collect();
        let most = captions.iter().map(Vec::len).max().unwrap_or(0);
        let mut lines = vec![String::new(); self.frame.height as usize - 1];
        let mut add = |style: anstyle::Style, cell: &dyn Fn(usize) -> String| {
            let cells = (0..hits.len()).map(|n| padded(&visible(&cell(n)), width));
            let cells: Vec<String> = cells.map(|it| format!("{style}{it}{style:#}")).collect();
            lines.push(cells.join(&" ".repeat(GAP as usize)));
        };
        add(FAINT, &|n| match drawings[n] {
            Some(_) => String::new(),
            None => "file cannot be read".to_owned(),
        });
        add(STRONG, &|n| facts(before + n + 1, &hits[n]));
        add(anstyle::Style::new(), &|n| padded_path(&names[n], width));
        for line in 0..most {
            add(anstyle::Style::new(), &|n| {
                captions[n].get(line).cloned().unwrap_or_default()
            });
        }
        add(FAINT, &|n| hits[n].id.clone());
        lines.push(String::new());
        lines
    }

    fn caption(&self, hit: &Hit) -> Vec<String> {
        let caption = visible(caption(hit, self.query).unwrap_or_default());
        let width = self.frame.width as usize;
        wrap(&caption, CAPTION_LINES, |line| line.width() <= width)
    }

    /// Writes the lines first, which scrolls the terminal, then the pictures over them.
    fn write_row(
        &self,
        lines: &[String],
        drawings: &[Option<Drawing>],
        is_plain: bool,
        out: &mut dyn Write,
    ) -> Result<()> {
        for line in lines {
            if is_plain {
                writeln!(out, "{}", strip_str(line).to_string().trim_end())?;
            } else {
                writeln!(out, "{line}")?;
            }
        }
        let up = lines.len();
        write!(out, "\u{1b}[{up}A")?;
        for (n, drawing) in drawings.iter().enumerate() {
            if let Some(drawing) = drawing {
                let right = n as u32 * (self.frame.width + GAP);
                let down = self.frame.height.saturating_sub(drawing.lines);
                write!(out, "\u{1b}7{}{}", moved(down, 'B'), moved(right, 'C'))?;
                write!(out, "{}\u{1b}8", drawing.escape)?;
            }
        }
        Ok(write!(out, "\u{1b}[{up}B\r")?)
    }
}

/// The escape sequence that moves the cursor. A count of 0 would move it by 1.
fn moved(count: u32, direction: char) -> String {
    match count {
        0 => String::new(),
        _ => format!("\u{1b}[{count}{direction}"),
    }
}

/// The rank of a hit and its scores.
fn facts(rank: usize, hit: &Hit) -> String {
    let facts = evidence(hit).into_iter();
    let facts = facts.map(|(name, value)| format!("  {} {value}", name.to_lowercase()));
    format!("{rank}{}", facts.collect::<String>())
}
