//! Words looked up in captions, file names, folders and what files say about their pictures, by SQLite's FTS5.
//!
//! The table of words follows the table `records` by triggers, whatever writes there. It holds no
//! copy of the texts (`content=''`). Its row numbers are those of the records.
//!
//! Words are what `unicode61` takes for words: letters and digits, without case and diacritics.
//! Scripts that set no blanks between words, such as Chinese, are one word from mark to mark.

use rusqlite::Connection;

use crate::error::{Error, Result};
use crate::keys::{DESCRIPTION, KEYWORDS, TITLE};

/// The table of words.
pub(crate) const TABLE: &str = "
    CREATE VIRTUAL TABLE keywords USING fts5 (
        captions, place, facts, content = '', contentless_delete = 1,
        tokenize = 'unicode61 remove_diacritics 2'
    );
";

/// Takes out the tables of earlier versions.
pub(crate) const DROP: &str = "
    DROP TABLE IF EXISTS keywords;
    DROP TABLE IF EXISTS keyword_rows;
";

/// What the columns of the table have of a row of `records`, its number first.
fn values(row: &str) -> String {
    format!(
        "{row}number,
         (SELECT group_concat(value, char(10)) FROM json_each({row}captions)),
         {row}place,
         concat_ws(char(10), {row}facts ->> '{TITLE}', {row}facts ->> '{DESCRIPTION}',
             (SELECT group_concat(value, char(10)) FROM json_each({row}facts, '$.{KEYWORDS}')))"
    )
}

/// Makes what keeps the table up with the records.
pub(crate) fn create_triggers(connection: &Connection) -> rusqlite::Result<()> {
    let insert = format!(
        "INSERT INTO keywords (rowid, captions, place, facts) VALUES ({});",
        values("new.")
    );
    let delete = "DELETE FROM keywords WHERE rowid = old.number;";
    connection.execute_batch(&format!(
        "CREATE TRIGGER keywords_after_insertion AFTER INSERT ON records BEGIN {insert} END;
         CREATE TRIGGER keywords_after_deletion AFTER DELETE ON records BEGIN {delete} END;
         CREATE TRIGGER keywords_after_update AFTER UPDATE OF number, place, captions, facts ON records
         BEGIN {delete} {insert} END;"
    ))
}

/// Fills the table from records that were there before it.
pub(crate) fn fill(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(&format!(
        "INSERT INTO keywords (rowid, captions, place, facts) SELECT {} FROM records;",
        values("")
    ))
}

/// The records of a collection that an expression matches and whose files are there, best first (by BM25).
pub(crate) const MATCHES: &str = "
    SELECT id FROM keywords JOIN records ON number = keywords.rowid
    WHERE keywords MATCH ?2 AND collection = ?1 AND NOT missing
    ORDER BY rank, number
";

/// Words to be found in a picture's captions, its file name or folders, or the title, description and keywords in its
/// file: all of them.
///
/// Words in double quotes stand beside each other; a `*` behind a word or a quoted one stands for
/// any ending. Everything else that is no letter or digit separates words.
///
/// ```
/// # fn main() -> search::Result<()> {
/// let keywords = search::Keywords::parse("\"red shoes\" beach*")?;
/// assert_eq!(keywords.text(), "\"red shoes\" beach*");
/// assert!(search::Keywords::parse("*** -").is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keywords {
    text: String,
    expression: String,
}

impl Keywords {
    /// Reads keywords.
    ///
    /// # Errors
    /// [`Error::NoKeywords`] where there is no word in the text.
    pub fn parse(text: &str) -> Result<Keywords> {
        Keywords::without(text, &[])
    }

    /// The same, leaving out pictures that have all words of one of the `unwanted` texts.
    ///
    /// # Errors
    /// [`Error::NoKeywords`] where there is no word in one of the texts.
    pub fn without(text: &str, unwanted: &[&str]) -> Result<Keywords> {
        let mut expression = all_of(text)?;
        let mut said = text.trim().to_owned();
        for unwanted in unwanted {
            expression = format!("({expression}) NOT ({})", all_of(unwanted)?);
            said = format!("{said} - {}", unwanted.trim());
        }
        Ok(Keywords {
            text: said,
            expression,
        })
    }

    /// The keywords as they were written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The same in FTS5's language.
    pub(crate) fn expression(&self) -> &str {
        &self.expression
    }
}

/// FTS5's expression for all words of a text. Each is quoted, so that none is taken for an operator.
fn all_of(text: &str) -> Result<String> {
    let phrases: Vec<String> = phrases(text)
        .into_iter()
        .filter(|(words, _)| words.contains(char::is_alphanumeric))
        .map(|(words, is_prefix)| {
            let star = if is_prefix { "*" } else { "" };
            format!("\"{words}\"{star}")
        })
        .collect();
    match phrases.is_empty() {
        true => Err(Error::NoKeywords {
            text: text.to_owned(),
        }),
        false => Ok(phrases.join(" ")),
    }
}

/// The words of a text, and whether a `*` is behind them; quoted ones together.
fn phrases(text: &str) -> Vec<(String, bool)> {
    // A zero byte would end the expression early.
    let text = text.replace(char::is_control, " ");
    let mut phrases = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (words, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => {
                let end = rest.find(|c: char| c.is_whitespace() || c == '"');
                rest.split_at(end.unwrap_or(rest.len()))
            }
        };
        let is_prefix = words.ends_with('*') || after.starts_with('*');
        let words = words.trim_end_matches('*');
        phrases.push((words.to_owned(), is_prefix));
        rest = after.trim_start_matches('*').trim_start();
    }
    phrases
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(text: &str, expected: &str) {
        assert_eq!(
            Keywords::parse(text).unwrap().expression(),
            expected,
            "{text}"
        );
    }

    #[test]
    fn words_become_quoted_terms() {
        case("red shoes", r#""red" "shoes""#);
        case(r#""red shoes" beach"#, r#""red shoes" "beach""#);
        case("sho*", r#""sho"*"#);
        case(r#""red sho"* "a b*""#, r#""red sho"* "a b"*"#);
        case(r#"red"shoes"#, r#""red" "shoes""#);
        case(
            "AND NOT NEAR(a) captions:b ^c",
            r#""AND" "NOT" "NEAR(a)" "captions:b" "^c""#,
        );
        case("a \u{0} b — &", r#""a" "b""#);
    }

    #[test]
    fn unwanted_words_are_taken_out() {
        let keywords = Keywords::without("red shoes", &["beach", "at night"]).unwrap();
        assert_eq!(
            keywords.expression(),
            r#"(("red" "shoes") NOT ("beach")) NOT ("at" "night")"#
        );
        assert_eq!(keywords.text(), "red shoes - beach - at night");
    }

    #[test]
    fn without_words_there_are_no_keywords() {
        for text in ["", " ", "*", "\"\"", "- + —", "\u{0}"] {
            assert!(
                matches!(Keywords::parse(text), Err(Error::NoKeywords { .. })),
                "{text:?}"
            );
        }
        assert!(Keywords::without("a", &["*"]).is_err());
    }
}
