//! Resolves HTML entities like Python's [`html.unescape`](https://docs.python.org/3/library/html.html#html.unescape)
//! and ftfy's `unescape_html`.

use std::borrow::Cow;

use encoding_rs::WINDOWS_1252;
use htmlize::ENTITIES;

/// The maximum length of a name.
const LONGEST_NAME: usize = 32;

/// Resolves every entity in `text`. Without a semicolon, the longest matching name counts.
pub(super) fn unescape(text: &str) -> Cow<'_, str> {
    replace(text, |rest| {
        if let Some(number) = Number::read(rest) {
            return Some((number.length, number.resolved()));
        }
        let name = name(rest);
        let found = (2..=name.len())
            .rev()
            .filter(|&end| name.is_char_boundary(end));
        let mut found = found.filter_map(|end| Some((1 + end, named(&rest[..=end])?)));
        found.next()
    })
}

/// Resolves only entities that end in a semicolon. Names of lower-case letters also match in capitals.
pub(super) fn unescape_strictly(text: &str) -> Cow<'_, str> {
    replace(text, |rest| {
        if let Some(number) = Number::read(rest) {
            let is_whole = number.digits <= 24 && rest[..number.length].ends_with(';');
            let resolved = is_whole.then(|| number.resolved());
            return resolved
                .filter(|text| !text.contains(';'))
                .map(|text| (number.length, text));
        }
        let letters = rest.bytes().skip(1);
        let letters = letters.take_while(u8::is_ascii_alphanumeric).count();
        let entity = rest.get(..letters + 2)?;
        if !(1..=24).contains(&letters) || !entity.ends_with(';') {
            return None;
        }
        let resolved = named(entity).or_else(|| in_capitals(entity))?;
        Some((entity.len(), resolved))
    })
}

/// The meaning of a name in capitals, such as `&EACUTE;`, unless a prefix of it has another meaning, as in `&GTDOT;`.
fn in_capitals(entity: &str) -> Option<String> {
    let is_capital = !entity.contains(|letter: char| letter.is_ascii_lowercase());
    let small = named(&entity.to_ascii_lowercase()).filter(|_| is_capital)?;
    let is_free = (2..entity.len()).all(|end| named(&entity[..end]).is_none());
    is_free.then(|| small.to_uppercase())
}

/// The meaning of `entity`, which begins with an ampersand.
fn named(entity: &str) -> Option<String> {
    let characters = ENTITIES.get(entity.as_bytes())?;
    String::from_utf8(characters.to_vec()).ok()
}

/// The characters after the ampersand that can be a name, including the semicolon.
fn name(rest: &str) -> &str {
    let ends = |letter: char| matches!(letter, '\t' | '\n' | '\u{c}' | ' ' | '<' | '&' | '#' | ';');
    let behind = &rest[1..];
    let most = behind.char_indices().nth(LONGEST_NAME);
    let most = most.map_or(behind.len(), |(place, _)| place);
    let end = behind[..most].find(ends).unwrap_or(most);
    let semicolon = usize::from(behind[end..].starts_with(';') && end > 0);
    &behind[..end + semicolon]
}

/// A numeric character reference, such as `&#65;` or `&#x41`.
struct Number {
    /// Its length in bytes.
    length: usize,
    digits: usize,
    /// The number; beyond Unicode if too large.
    value: u32,
}

impl Number {
    fn read(rest: &str) -> Option<Self> {
        let behind = rest.strip_prefix("&#")?;
        let (digits, radix, before) = match behind.strip_prefix(['x', 'X']) {
            Some(digits) => (digits, 16, 3),
            None => (behind, 10, 2),
        };
        let end = digits.find(|digit: char| !digit.is_digit(radix));
        let digits = &digits[..end.unwrap_or(digits.len())];
        if digits.is_empty() {
            return None;
        }
        let length = before + digits.len();
        let semicolon = usize::from(rest[length..].starts_with(';'));
        Some(Self {
            length: length + semicolon,
            digits: digits.len() + before - 2,
            value: u32::from_str_radix(digits, radix).unwrap_or(u32::MAX),
        })
    }

    /// The character, or nothing for control characters.
    fn resolved(&self) -> String {
        match self.value {
            0 => '\u{fffd}'.into(),
            value @ 0x80..=0x9f => {
                let byte = [value as u8];
                WINDOWS_1252.decode_without_bom_handling(&byte).0.into()
            }
            0x1..=0x8 | 0xb | 0xe..=0x1f | 0x7f | 0xfdd0..=0xfdef => String::new(),
            value if value & 0xfffe == 0xfffe && value <= 0x0010_ffff => String::new(),
            value => char::from_u32(value).unwrap_or('\u{fffd}').into(),
        }
    }
}

/// Replaces entities in `text`. `resolve` gets the text from an ampersand on, and returns the entity's length in bytes
/// and its replacement.
fn replace(text: &str, resolve: impl Fn(&str) -> Option<(usize, String)>) -> Cow<'_, str> {
    let (mut replaced, mut rest) = (String::new(), text);
    while let Some(place) = rest.find('&') {
        let (before, entity) = rest.split_at(place);
        let (length, resolved) = resolve(entity).unwrap_or_else(|| (1, "&".to_owned()));
        replaced.push_str(before);
        replaced.push_str(&resolved);
        rest = &entity[length..];
    }
    if rest.len() == text.len() {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(replaced + rest)
    }
}
