//! Decodes and tidies untrusted texts.

/// The most keywords to keep.
pub(super) const MOST_KEYWORDS: usize = 200;

/// The most characters to keep of a keyword, a title and a description.
pub(super) const LONGEST_KEYWORD: usize = 200;
pub(super) const LONGEST_TITLE: usize = 1_000;
pub(super) const LONGEST_DESCRIPTION: usize = 10_000;

/// Decodes `bytes` up to a terminating zero: UTF-8, or else Latin-1, which older programs wrote.
pub(super) fn decoded(bytes: &[u8]) -> String {
    let text = bytes.split(|&byte| byte == 0).next().unwrap_or_default();
    match std::str::from_utf8(text) {
        Ok(text) => text.to_owned(),
        Err(_) => text.iter().copied().map(char::from).collect(),
    }
}

/// Decodes UTF-16 up to a terminating zero.
pub(super) fn from_utf_16(bytes: &[u8], is_little: bool) -> String {
    let (units, _) = bytes.as_chunks::<2>();
    let units = units.iter().map(|&unit| {
        if is_little {
            u16::from_le_bytes(unit)
        } else {
            u16::from_be_bytes(unit)
        }
    });
    let units = units.take_while(|&unit| unit != 0);
    char::decode_utf16(units)
        .map(|sign| sign.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

/// Normalises spaces, removes control characters and truncates to `most` characters. `None` if nothing is left.
pub(super) fn tidy(text: &str, most: usize) -> Option<String> {
    let words = text
        .split(|sign: char| sign.is_whitespace() || sign.is_control())
        .filter(|word| !word.is_empty());
    let mut tidy = String::new();
    let mut room = most;
    for word in words {
        if room == 0 {
            break;
        }
        if !tidy.is_empty() {
            tidy.push(' ');
            room -= 1;
        }
        let length = tidy.len();
        tidy.extend(word.chars().take(room));
        room -= tidy[length..].chars().count();
    }
    Some(tidy.trim_end().to_owned()).filter(|tidy| !tidy.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_tidied_and_cut() {
        assert_eq!(tidy("  a\t\u{7}dog \n", 100).as_deref(), Some("a dog"));
        assert_eq!(tidy("a dog runs", 5).as_deref(), Some("a dog"));
        assert_eq!(tidy("a dog runs", 6).as_deref(), Some("a dog"));
        assert_eq!(tidy("a dog runs", 1).as_deref(), Some("a"));
        assert_eq!(tidy(" \0\u{1b} ", 100), None);
    }

    #[test]
    fn what_is_no_utf_8_is_latin_1() {
        assert_eq!(decoded("Köln\0rest".as_bytes()), "Köln");
        assert_eq!(decoded(b"K\xF6ln"), "Köln");
        assert_eq!(from_utf_16(b"K\0\xF6\0l\0n\0\0\0x\0", true), "Köln");
        assert_eq!(from_utf_16(b"\xD8\0\0K", false), "\u{FFFD}K");
    }
}
