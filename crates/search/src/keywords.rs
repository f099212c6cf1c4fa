//! Keyword search in captions, file names, folders and the files' own metadata, with SQLite's FTS5.
//!
//! Triggers keep the table of words in step with the table `records`. It stores no copy of the texts
//! (`content=''`), and its row numbers are those of the records.
//!
//! Words are those of the tokenizer `unicode61`: letters and digits, without case and diacritics. In scripts
//! without spaces between words, such as Chinese, everything between two punctuation marks is one word.

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

/// Drops the tables of earlier versions.
pub(crate) const DROP: &str = "
    DROP TABLE IF EXISTS keywords;
    DROP TABLE IF EXISTS keyword_rows;
";

/// The values of the table's columns for a row of `records`, beginning with its number.
fn values(row: &str) -> String {
    format!(
        "{row}number,
         (SELECT group_concat(value, char(10)) FROM json_each({row}captions)),
         {row}place,
         concat_ws(char(10), {row}facts ->> '{TITLE}', {row}facts ->> '{DESCRIPTION}',
             (SELECT group_concat(value, char(10)) FROM json_each({row}facts, '$.{KEYWORDS}')))"
    )
}

/// Creates the triggers that keep the table in step with the records.
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

/// Fills the table from existing records.
pub(crate) fn fill(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(&format!(
        "INSERT INTO keywords (rowid, captions, place, facts) SELECT {} FROM records;",
        values("")
    ))
}

/// The records of a collection that match an expression and aren't missing, best first (by BM25).
pub(crate) const MATCHES: &str = "
    SELECT id FROM keywords JOIN records ON number = keywords.rowid
    WHERE keywords MATCH ?2 AND collection = ?1 AND NOT missing
    ORDER BY rank, number
";

/// Words to find in a picture's captions, file name, folders, or in the title, description and keywords of
/// its file. All words must occur.
///
/// Words in double quotes must be adjacent; a `*` after a word or a quoted phrase matches any ending. All
/// other characters that aren't letters or digits separate words.
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
    /// Parses keywords.
    ///
    /// # Errors
    /// [`Error::NoKeywords`] if the text contains no word.
    pub fn parse(text: &str) -> Result<Keywords> {
        Keywords::without(text, &[])
    }

    /// Parses keywords that leave out pictures with all words of one of the `unwanted` texts.
    ///
    /// # Errors
    /// [`Error::NoKeywords`] if one of the texts contains no word.
    pub fn without(text: &str, unwanted: &[&str]) -> Result<Keywords> {
        let mut expression = all_of(text)?;
        let mut full_text = text.trim().to_owned();
        for unwanted in unwanted {
            expression = format!("({expression}) NOT ({})", all_of(unwanted)?);
            full_text = format!("{full_text} - {}", unwanted.trim());
        }
        Ok(Keywords {
            text: full_text,
            expression,
        })
    }

    /// The keywords as given.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The keywords as an FTS5 expression.
    pub(crate) fn expression(&self) -> &str {
        &self.expression
    }
}

/// An FTS5 expression for all words of a text. Each is quoted, so none is parsed as an operator.
fn all_of(text: &str) -> Result<String> {
    let phrases: Vec<String> = phrases(text)
        .into_iter()
        .filter(|(words, _)| words.contains(char::is_alphanumeric))
        .map(|(words, is_prefix)| {
            let star = if is_prefix { "*" } else { "" };
            format!("\"{words}\"{star}")
        })
        .collect();
    if phrases.is_empty() {
        Err(Error::NoKeywords {
            text: text.to_owned(),
        })
    } else {
        Ok(phrases.join(" "))
    }
}

/// The words and quoted phrases of a text, and whether a `*` follows each.
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
