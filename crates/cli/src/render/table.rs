use std::io::Write;

use anyhow::Result;
use clipseek::{Answer, Query, similarity};
use search::Hit;
use unicode_width::UnicodeWidthStr;

use super::caption;
use super::lines::{cut, padded, padded_path};
use super::names::names;
use crate::terminal::{FAINT, STRONG, visible};

/// The line width if standard output is no terminal.
const PIPE_WIDTH: usize = 120;

/// The maximum width of the columns of file names and ids.
const NAME_WIDTH: usize = 36;

/// The minimum width of the column of file names.
const LEAST_NAME_WIDTH: usize = 12;

/// The minimum width of captions, as far as names and ids can shrink.
const CAPTION_WIDTH: usize = 16;

/// A line per hit with columns for rank, scores, file name, id and caption. On a terminal, names and captions are cut and
/// ids left out to fit the width.
pub(crate) fn table(answer: &Answer, out: &mut dyn Write) -> Result<()> {
    let width = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    table_within(answer, width, out)
}

fn table_within(answer: &Answer, width: Option<usize>, out: &mut dyn Write) -> Result<()> {
    let rows = Row::all_of(answer);
    let evidence = Evidence::of(&answer.query);
    let columns = Columns::of(&rows, &evidence, width);
    let Columns { names, ids, rest } = columns;
    let id = |text: &str| match ids {
        0 => String::new(),
        ids => padded(text, ids) + "  ",
    };
    writeln!(
        out,
        "{FAINT}rank  {}{}  {}{}{FAINT:#}",
        evidence.heads(),
        padded("picture", names),
        id("id"),
        cut("caption", rest)
    )?;
    for (n, (row, hit)) in rows.iter().zip(&answer.found.hits).enumerate() {
        writeln!(
            out,
            "{:>4}  {STRONG}{}{STRONG:#}{}  {FAINT}{}{FAINT:#}{}",
            n + 1,
            evidence.cells(hit),
            padded_path(&row.name, names),
            id(&row.id),
            cut(&row.caption, rest)
        )?;
    }
    Ok(())
}

/// The widths of the variable columns; 0 if there is no room for ids.
struct Columns {
    names: usize,
    ids: usize,
    /// The width of captions.
    rest: usize,
}

impl Columns {
    fn of(rows: &[Row], evidence: &Evidence, width: Option<usize>) -> Columns {
        let longest = rows.iter().map(|row| row.caption.width()).max();
        let caption = longest.unwrap_or(0).max("caption".len()).min(CAPTION_WIDTH);
        let mut names = column_width("picture", rows.iter().map(|row| row.name.as_str()));
        let mut ids = column_width("id", rows.iter().map(|row| row.id.as_str()));
        let before = |names: usize, ids: usize| {
            let ids = if ids == 0 { 0 } else { ids + 2 };
            4 + 2 + evidence.width() + names + 2 + ids
        };
        if let Some(width) = width {
            let lacking = (before(names, ids) + caption).saturating_sub(width);
            names = names
                .saturating_sub(lacking)
                .max(names.min(LEAST_NAME_WIDTH));
            if before(names, ids) + caption > width {
                ids = 0;
            }
        }
        let before = before(names, ids);
        let width = width.unwrap_or(PIPE_WIDTH.max(before + 40));
        let rest = width.saturating_sub(before);
        Columns { names, ids, rest }
    }
}

/// The score columns, each followed by two spaces.
struct Evidence(Vec<Column>);

/// A column: its head, and its text for a hit.
type Column = (&'static str, fn(&Hit) -> Option<String>);

impl Evidence {
    /// The score columns of a query.
    fn of(query: &Query) -> Evidence {
        let fields = query.fields();
        let column = |field: &&str| -> Column {
            match *field {
                "keywords" => ("keywords", |hit| {
                    hit.keyword_rank.map(|it| format!("no. {it}"))
                }),
                "captions" if fields.contains(&"images") => ("to caption", of_caption),
                "captions" => ("similarity", of_caption),
                _ => ("similarity", |hit| hit.similarity.map(similarity)),
            }
        };
        // With keywords alone, the rank says the same.
        let is_known = fields.as_slice() == ["keywords"];
        let fields = fields.iter().filter(|_| !is_known);
        Evidence(fields.map(column).collect())
    }

    fn width(&self) -> usize {
        self.0.iter().map(|(head, _)| head.len() + 2).sum()
    }

    fn heads(&self) -> String {
        self.0.iter().map(|(head, _)| format!("{head}  ")).collect()
    }

    fn cells(&self, hit: &Hit) -> String {
        let cell = |(head, of): &Column| {
            let (text, width) = (of(hit).unwrap_or_else(|| "-".to_owned()), head.len());
            format!("{text:>width$}  ")
        };
        self.0.iter().map(cell).collect()
    }
}

fn of_caption(hit: &Hit) -> Option<String> {
    hit.caption.as_ref().map(|it| similarity(it.similarity))
}

/// The locations of the hits, each followed by `end`.
pub(crate) fn paths(answer: &Answer, end: &str, out: &mut dyn Write) -> Result<()> {
    for hit in &answer.found.hits {
        write!(out, "{}{end}", hit.path().display())?;
    }
    Ok(())
}

struct Row {
    name: String,
    id: String,
    caption: String,
}

impl Row {
    fn all_of(answer: &Answer) -> Vec<Row> {
        let hits = &answer.found.hits;
        let row = |(hit, name): (&Hit, String)| Row {
            name: visible(&name).into_owned(),
            id: visible(&hit.id).into_owned(),
            caption: visible(caption(hit, &answer.query).unwrap_or_default()).into_owned(),
        };
        hits.iter().zip(names(hits)).map(row).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use search::Hits;

    #[test]
    fn columns_line_up() -> Result<()> {
        let hit = |id: &str, similarity, location: &str, caption: &str| Hit {
            id: id.to_owned(),
            similarity: Some(similarity),
            caption: None,
            keyword_rank: None,
            location: location.to_owned(),
            image: location.to_owned(),
            file: None,
            width: None,
            height: None,
            captions: vec![caption.to_owned()],
            metadata: serde_json::Map::new(),
            colour: None,
            folded: Vec::new(),
            hash: None,
        };
        let answer = Answer {
            query: Query::words("dog"),
            collection: "c".to_owned(),
            model: "mini".to_owned(),
            found: Hits {
                hits: vec![
                    hit("a1", 0.31234, "/p/dog.jpg", "a dog runs along the beach"),
                    hit("b22", -0.02, "/p/q/cat.jpeg", "a cat"),
                ],
                best: Some(0.31234),
                gone: 0,
                total: 2,
                next: None,
            },
            nothing: None,
        };
        let shown = |width| {
            let mut out = Vec::new();
            table_within(&answer, Some(width), &mut out)?;
            let out = anstream::adapter::strip_bytes(&out).into_vec();
            anyhow::Ok(String::from_utf8(out)?)
        };
        assert_eq!(
            shown(50)?,
            concat!(
                "rank  similarity  picture   id   caption\n",
                "   1       0.312  dog.jpg   a1   a dog runs along…\n",
                "   2      -0.020  cat.jpeg  b22  a cat\n",
            )
        );
        // Ids are left out first.
        assert_eq!(
            shown(45)?,
            concat!(
                "rank  similarity  picture   caption\n",
                "   1       0.312  dog.jpg   a dog runs along…\n",
                "   2      -0.020  cat.jpeg  a cat\n",
            )
        );
        Ok(())
    }
}
