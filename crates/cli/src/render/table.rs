use std::io::Write;

use anyhow::Result;
use search::Hit;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::{Answer, file_name, similarity};
use crate::terminal::{FAINT, STRONG, visible};

/// The width of a line where nothing says how wide the terminal is.
const PIPE_WIDTH: usize = 120;

/// The widest that a column of file names or ids becomes.
const NAME_WIDTH: usize = 36;

/// A line a hit: rank, similarity, file name, id and caption, in columns. On a terminal the
/// caption is cut where the line ends.
pub(crate) fn table(answer: &Answer, out: &mut dyn Write) -> Result<()> {
    let width = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    table_within(answer, width, out)
}

fn table_within(answer: &Answer, width: Option<usize>, out: &mut dyn Write) -> Result<()> {
    let rows: Vec<Row> = answer.found.hits.iter().map(Row::of).collect();
    let names = column_width("picture", rows.iter().map(|row| row.name.as_str()));
    let ids = column_width("id", rows.iter().map(|row| row.id.as_str()));
    let before = 4 + 2 + 10 + 2 + names + 2 + ids + 2;
    let rest = width
        .unwrap_or(PIPE_WIDTH.max(before + 40))
        .saturating_sub(before);
    writeln!(
        out,
        "{FAINT}rank  similarity  {}  {}  caption{FAINT:#}",
        padded("picture", names),
        padded("id", ids)
    )?;
    for (n, row) in rows.iter().enumerate() {
        writeln!(
            out,
            "{:>4}  {STRONG}{:>10}{STRONG:#}  {}  {FAINT}{}{FAINT:#}  {}",
            n + 1,
            row.similarity,
            padded(&row.name, names),
            padded(&row.id, ids),
            cut(&row.caption, rest)
        )?;
    }
    Ok(())
}

/// The places of the hits as they are, with `end` behind each.
pub(crate) fn paths(answer: &Answer, end: &str, out: &mut dyn Write) -> Result<()> {
    for hit in &answer.found.hits {
        write!(out, "{}{end}", hit.place)?;
    }
    Ok(())
}

struct Row {
    similarity: String,
    name: String,
    id: String,
    caption: String,
}

impl Row {
    fn of(hit: &Hit) -> Row {
        let caption = hit.captions.first().map_or("", String::as_str);
        Row {
            similarity: similarity(hit.similarity),
            name: visible(file_name(&hit.place)).into_owned(),
            id: visible(&hit.id).into_owned(),
            caption: visible(caption).into_owned(),
        }
    }
}

fn column_width<'a>(head: &str, texts: impl Iterator<Item = &'a str>) -> usize {
    texts
        .map(UnicodeWidthStr::width)
        .max()
        .unwrap_or(0)
        .max(head.len())
        .min(NAME_WIDTH)
}

/// Exactly `width` columns of text: cut, or filled with blanks.
fn padded(text: &str, width: usize) -> String {
    let text = cut(text, width);
    let blanks = width - text.width();
    text + &" ".repeat(blanks)
}

/// At most `width` columns of text. What is left out shows as `…`.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut used = 1;
    let fits = |c: &char| {
        used += c.width().unwrap_or(0);
        used <= width
    };
    let mut kept: String = text.chars().take_while(fits).collect();
    if width > 0 {
        kept.push('…');
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::question::{Question, What};
    use search::Hits;

    #[test]
    fn text_is_cut_by_columns() {
        assert_eq!(cut("a dog", 5), "a dog");
        assert_eq!(cut("a brown dog", 6), "a bro…");
        assert_eq!(cut("犬犬犬犬", 5), "犬犬…");
        assert_eq!(cut("dog", 0), "");
        assert_eq!(padded("犬犬犬犬", 6), "犬犬… ");
    }

    #[test]
    fn columns_line_up() -> Result<()> {
        let hit = |id: &str, similarity, place: &str, caption: &str| Hit {
            id: id.to_owned(),
            similarity,
            place: place.to_owned(),
            captions: vec![caption.to_owned()],
            metadata: serde_json::Map::new(),
        };
        let answer = Answer {
            question: Question::of(What::Words("dog".to_owned())),
            collection: "c".to_owned(),
            model: "mini".to_owned(),
            found: Hits {
                hits: vec![
                    hit("a1", 0.31234, "/p/dog.jpg", "a dog runs along the beach"),
                    hit("b22", -0.02, "/p/q/cat.jpeg", "a cat"),
                ],
                best: Some(0.31234),
            },
        };
        let mut out = Vec::new();
        table_within(&answer, Some(50), &mut out)?;
        let out = anstream::adapter::strip_bytes(&out).into_vec();
        assert_eq!(
            String::from_utf8(out)?,
            concat!(
                "rank  similarity  picture   id   caption\n",
                "   1       0.312  dog.jpg   a1   a dog runs along…\n",
                "   2      -0.020  cat.jpeg  b22  a cat\n",
            )
        );
        Ok(())
    }
}
