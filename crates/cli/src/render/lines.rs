//! Line breaking and cutting of text, for any measure of width.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Breaks a text into at most `most` lines that fit, at spaces if possible. Omitted text
/// becomes `…`.
pub(super) fn wrap(text: &str, most: usize, fits: impl Fn(&str) -> bool) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() && lines.len() < most {
        let line = first_line(rest, &fits);
        rest = rest[line.len()..].trim_start();
        lines.push(line.trim_end().to_owned());
    }
    if let (false, Some(last)) = (rest.is_empty(), lines.last_mut()) {
        while !last.is_empty() && !fits(&format!("{last}…")) {
            last.pop();
        }
        last.push('…');
    }
    lines
}

/// The words that fit on a line. Of a word longer than a line, the letters that fit, at least one.
fn first_line(text: &str, fits: impl Fn(&str) -> bool) -> &str {
    let ends = text.char_indices().map(|(at, c)| at + c.len_utf8());
    let longest = ends.take_while(|&end| fits(text[..end].trim_end())).last();
    let longest = longest.unwrap_or_else(|| text.chars().next().map_or(0, char::len_utf8));
    if longest == text.len() || text[longest..].starts_with(char::is_whitespace) {
        return &text[..longest];
    }
    match text[..longest].rfind(char::is_whitespace) {
        Some(blank) if blank > 0 => &text[..blank],
        _ => &text[..longest],
    }
}

/// Cuts text or pads it with spaces to exactly `width` columns.
pub(super) fn padded(text: &str, width: usize) -> String {
    let text = cut(text, width);
    let blanks = width - text.width();
    text + &" ".repeat(blanks)
}

/// Cuts text to at most `width` columns. Omitted text becomes `…`.
pub(super) fn cut(text: &str, width: usize) -> String {
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

/// Like [`padded`] for paths, which are cut at the front.
pub(super) fn padded_path(path: &str, width: usize) -> String {
    if path.width() <= width || !path.contains('/') {
        return padded(path, width);
    }
    let mut used = 1;
    let fits = |c: &char| {
        used += c.width().unwrap_or(0);
        used <= width
    };
    let kept: Vec<char> = path.chars().rev().take_while(fits).collect();
    let kept: String = kept.into_iter().rev().collect();
    padded(&format!("…{kept}"), width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_at_blanks() {
        let fits = |line: &str| line.chars().count() <= 6;
        assert_eq!(first_line("a brown dog", fits), "a");
        assert_eq!(first_line("brown dog", fits), "brown");
        assert_eq!(
            first_line("browndog runs", fits),
            "browndo".get(..6).unwrap_or_default()
        );
        assert_eq!(first_line("a dog", fits), "a dog");
        assert_eq!(first_line("犬", |_| false), "犬");
    }

    #[test]
    fn long_texts_end_in_an_ellipsis() {
        let fits = |line: &str| line.width() <= 10;
        assert_eq!(
            wrap("a dog on the beach", 2, fits),
            ["a dog on", "the beach"]
        );
        assert_eq!(wrap("a dog on the beaches", 2, fits), ["a dog on", "the…"]);
        assert!(wrap(" ", 2, fits).is_empty());
    }

    #[test]
    fn text_is_cut_by_columns() {
        assert_eq!(cut("a dog", 5), "a dog");
        assert_eq!(cut("a brown dog", 6), "a bro…");
        assert_eq!(cut("犬犬犬犬", 5), "犬犬…");
        assert_eq!(cut("dog", 0), "");
        assert_eq!(padded("犬犬犬犬", 6), "犬犬… ");
        assert_eq!(padded_path("2019/beach.jpg", 10), "…beach.jpg");
        assert_eq!(padded_path("a/b.jpg", 8), "a/b.jpg ");
        assert_eq!(padded_path("beach.jpg", 6), "beach…");
    }
}
