//! Messages and errors on the terminal, and escaping of untrusted text.

use std::borrow::Cow;
use std::io::Write;

use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthStr;

/// The style of `error:`.
const ERROR: Style = AnsiColor::Red.on_default().bold();
/// The style of `hint:`.
pub(crate) const HINT: Style = AnsiColor::Cyan.on_default().bold();
/// The style of secondary text.
pub(crate) const FAINT: Style = Style::new().dimmed();
/// The style of important text.
pub(crate) const STRONG: Style = Style::new().bold();

/// Prints an error with its causes and its hint, if any.
pub(crate) fn print_error(error: &anyhow::Error) {
    let mut stderr = anstream::stderr().lock();
    // A failure to report a failure cannot be reported.
    let _ = writeln!(
        stderr,
        "{ERROR}error:{ERROR:#} {}",
        visible(&error.to_string())
    );
    let mut printed = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !printed.contains(&cause) {
            let _ = writeln!(stderr, "  caused by: {}", visible(&cause));
            printed = cause;
        }
    }
    if let Some(hint) = crate::error::hint(error) {
        let _ = writeln!(stderr, "{HINT}hint:{HINT:#} {}", visible(&hint));
    }
}

/// Prints a message to standard error.
macro_rules! message {
    ($($argument:tt)*) => {
        anstream::eprintln!($($argument)*)
    };
}
pub(crate) use message;

/// Makes untrusted text safe to print: control characters, which could move the cursor or change the state of the
/// terminal, become U+FFFD.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    if text.chars().any(is_unsafe) {
        text.chars()
            .map(|c| if is_unsafe(c) { '\u{fffd}' } else { c })
            .collect::<String>()
            .into()
    } else {
        text.into()
    }
}

/// Whether a character is a control character or changes the direction of text.
fn is_unsafe(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Wraps a message at spaces to the width of the terminal; unchanged if standard error is no terminal.
pub(crate) fn wrapped(text: &str) -> String {
    let size = terminal_size::terminal_size_of(std::io::stderr());
    match size {
        Some((width, _)) => wrapped_within(text, width.0.into()),
        None => text.to_owned(),
    }
}

fn wrapped_within(text: &str, width: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.width() + 1 + word.width() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n")
}

/// `1 picture`, `2 pictures`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_defused() {
        assert_eq!(visible("a dog"), "a dog");
        assert_eq!(visible("a\u{1b}[2Jdog\n"), "a\u{fffd}[2Jdog\u{fffd}");
        assert_eq!(visible("\u{202e}gpj.exe"), "\u{fffd}gpj.exe");
        assert_eq!(visible("naïve 🐕 犬"), "naïve 🐕 犬");
    }

    #[test]
    fn messages_break_at_blanks() {
        assert_eq!(
            wrapped_within("note: a brown dog", 10),
            "note: a\nbrown dog"
        );
        assert_eq!(
            wrapped_within("a browndogruns by", 5),
            "a\nbrowndogruns\nby"
        );
        assert_eq!(wrapped_within("a dog", 5), "a dog");
    }

    #[test]
    fn numbers_have_their_nouns() {
        assert_eq!(count(1, "picture"), "1 picture");
        assert_eq!(count(0, "picture"), "0 pictures");
    }
}
