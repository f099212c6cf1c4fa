//! A JSON object as Python writes it: the invalid `NaN`, `Infinity` and `-Infinity` are read as `null`, and
//! half of a surrogate pair as U+FFFD.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::ProblemReason;

/// A parsed row of JSON.
#[derive(Debug)]
pub(crate) enum Parsed {
    Object(Map<String, Value>),
    Text(String),
    Other,
    /// An object with two members of this name.
    Repeated(String),
}

impl Parsed {
    /// Parses a whole text.
    pub(crate) fn of(text: &[u8]) -> Result<Self, ProblemReason> {
        let parsed = serde_json::from_slice(text);
        parsed.or_else(|error| {
            let mended = mended(text);
            let parsed = mended.and_then(|text| serde_json::from_slice(&text).ok());
            parsed.ok_or_else(|| invalid(&error))
        })
    }
}

/// The first keys of the object at the beginning of a text.
pub(crate) fn keys(start: &[u8]) -> Vec<String> {
    let mut keys = Vec::new();
    let mut parser = serde_json::Deserializer::from_slice(start);
    // It ends with an error where the text is cut.
    let _ = parser.deserialize_any(KeysVisitor(&mut keys));
    keys
}

struct KeysVisitor<'a>(&'a mut Vec<String>);

impl<'de> Visitor<'de> for KeysVisitor<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(key) = members.next_key()? {
            self.0.push(key);
            members.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

/// Drops the parser's line number, as most rows are one line.
fn invalid(error: &serde_json::Error) -> ProblemReason {
    let message = error
        .to_string()
        .replace(" at line 1 column ", " at column ");
    ProblemReason::InvalidJson { message }
}

/// The text as valid JSON, if it contains Python's extensions.
fn mended(text: &[u8]) -> Option<Vec<u8>> {
    const NOT_FINITE: [&[u8]; 3] = [b"NaN", b"Infinity", b"-Infinity"];
    let mut mended = Vec::with_capacity(text.len());
    let (mut rest, mut is_quoted) = (text, false);
    while let Some(&byte) = rest.first() {
        let word = NOT_FINITE
            .iter()
            .find(|word| !is_quoted && rest.starts_with(word));
        let (written, length): (&[u8], usize) = match (byte, word) {
            (_, Some(word)) => (b"null", word.len()),
            (b'\\', _) if is_quoted => escape(rest),
            _ => (&rest[..1], 1),
        };
        is_quoted ^= byte == b'"';
        mended.extend_from_slice(written);
        rest = rest.get(length..).unwrap_or_default();
    }
    (mended != text).then_some(mended)
}

/// The replacement for the escape at the beginning of a text, and the escape's length.
fn escape(text: &[u8]) -> (&[u8], usize) {
    let is_high = |unit: u16| (0xd800..0xdc00).contains(&unit);
    let is_low = |unit: u16| (0xdc00..0xe000).contains(&unit);
    match (unit(text), text.get(6..).and_then(unit)) {
        (Some(high), Some(low)) if is_high(high) && is_low(low) => (&text[..12], 12),
        (Some(half), _) if is_high(half) || is_low(half) => (br"\ufffd", 6),
        _ => (&text[..text.len().min(2)], 2),
    }
}

/// The code unit of `\u1234`.
fn unit(text: &[u8]) -> Option<u16> {
    let digits = text.strip_prefix(br"\u")?.get(..4)?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

impl<'de> Deserialize<'de> for Parsed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ParsedVisitor)
    }
}

struct ParsedVisitor;

impl<'de> Visitor<'de> for ParsedVisitor {
    type Value = Parsed;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Parsed, A::Error> {
        let (mut object, mut repeated) = (Map::new(), None);
        while let Some(key) = members.next_key::<String>()? {
            if repeated.is_none() && object.contains_key(&key) {
                repeated = Some(key.clone());
            }
            object.insert(key, members.next_value()?);
        }
        Ok(repeated.map_or(Parsed::Object(object), Parsed::Repeated))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Parsed, A::Error> {
        while elements.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Parsed::Other)
    }

    fn visit_str<E>(self, text: &str) -> Result<Parsed, E> {
        Ok(Parsed::Text(text.to_owned()))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Parsed, E> {
        Ok(Parsed::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Parsed, E> {
        Ok(Parsed::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Parsed, E> {
        Ok(Parsed::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Parsed, E> {
        Ok(Parsed::Other)
    }

    fn visit_unit<E>(self) -> Result<Parsed, E> {
        Ok(Parsed::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(text: &str, expected: Option<&str>) {
        let mended = mended(text.as_bytes());
        assert_eq!(mended.as_deref(), expected.map(str::as_bytes));
    }

    #[test]
    fn python_is_mended() {
        case(
            r#"{"a": NaN, "b": [Infinity,-Infinity]}"#,
            Some(r#"{"a": null, "b": [null,null]}"#),
        );
        case(r#"{"NaN": "\"NaN\\", "b": "NaN"}"#, None);
        case(r#"{"a": "\ud83d\ude00 \\ud800"}"#, None);
        case(
            r#"{"a": "\ud83d x \uDE00\ud83d"}"#,
            Some(r#"{"a": "\ufffd x \ufffd\ufffd"}"#),
        );
        case(
            r#"{"a": "\ud83d\ud83d\ude00"}"#,
            Some(r#"{"a": "\ufffd\ud83d\ude00"}"#),
        );
        case(r#"{"a": "\ud83"#, None);
        case(r#"{"a": "\"#, None);
    }
}
