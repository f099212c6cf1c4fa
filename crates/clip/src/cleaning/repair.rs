//! Repairs text like ftfy's [`fix_text`](https://ftfy.readthedocs.io/en/latest/config.html) with its defaults.

use std::borrow::Cow;

use tokenizers::NormalizedString;

use super::{characters::replacement, entities, mojibake};

/// The most passes over a line; each removes one layer of entities. Usually, nothing changes after a few.
const ROUNDS: usize = 64;

/// Repairs `text` line by line. From the first line with a `<`, which looks like HTML, entities stay unresolved.
pub(super) fn repair(text: &str) -> String {
    let mut is_html = false;
    let lines = text.split_inclusive('\n').map(|line| {
        is_html |= line.contains('<');
        repair_line(line, is_html)
    });
    lines.collect()
}

fn repair_line(line: &str, is_html: bool) -> String {
    let mut repaired = line.to_owned();
    for _ in 0..ROUNDS {
        let next = repair_once(&repaired, is_html);
        if next == repaired {
            break;
        }
        repaired = next;
    }
    repaired
}

fn repair_once(line: &str, is_html: bool) -> String {
    let text = if is_html {
        Cow::Borrowed(line)
    } else {
        entities::unescape_strictly(line)
    };
    let text = mojibake::undo(&text);
    let text = mojibake::without_controls(&text);
    let mut replaced = String::with_capacity(text.len());
    for character in plain_lines(&text).chars() {
        match replacement(character) {
            Some(other) => replaced.push_str(&other),
            None => replaced.push(character),
        }
    }
    if replaced.is_ascii() {
        return replaced;
    }
    let mut composed = NormalizedString::from(replaced);
    composed.nfc();
    composed.get().to_owned()
}

/// Unifies line breaks and removes terminal escape sequences.
fn plain_lines(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let text = text.replace(['\r', '\u{2028}', '\u{2029}', '\u{85}'], "\n");
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some((before, behind)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        let parameters = behind.find(|letter: char| !letter.is_ascii_digit() && letter != ';');
        rest = match parameters.map(|end| behind.split_at(end)) {
            Some((_, end)) if end.starts_with(|letter: char| letter.is_ascii_alphabetic()) => {
                &end[1..]
            }
            _ => {
                plain.push('[');
                behind
            }
        };
    }
    plain + rest
}
