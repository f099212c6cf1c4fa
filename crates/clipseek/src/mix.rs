//! The parser of weighted mixes: `2:golden retriever + ./beach.jpg - people`.
//!
//! Terms are joined by ` + ` and ` - ` with a space on both sides, so that `black-and-white` and `C++` stay words. A term may
//! begin with a weight, `2:` or `0.5:`. A term in double quotes is literal.

use crate::error::{Error, Result};

/// The maximum weight. Next to larger ones, a term of weight 1 has no measurable effect.
const WEIGHT_LIMIT: f32 = 1000.0;

/// A term of a mix.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MixTerm {
    /// The weight, negative if the term is subtracted.
    pub(crate) weight: f32,
    /// The trimmed text.
    pub(crate) text: String,
    /// Whether it was in quotes and can only be words.
    pub(crate) is_literal: bool,
}

impl MixTerm {
    /// Parses the terms of a mix. Returns `None` for a text without operators, which is plain words.
    ///
    /// # Errors
    /// [`Error::EmptyTerm`] for a ` + ` or ` - ` without a term, [`Error::TermWeight`] for a weight of zero or above 1,000.
    pub(crate) fn parse(text: &str) -> Result<Option<Vec<MixTerm>>> {
        let mut terms = Vec::new();
        let (mut sign, mut rest) = (1.0, text.trim());
        loop {
            let (weight, text) = weight_of(rest);
            let (term, joined) = FirstTerm::of(text);
            if let (true, None) = (terms.is_empty(), &joined) {
                return Ok(None);
            }
            terms.push(term.into_mix_term(sign, weight)?);
            match joined {
                Some(joined) => (sign, rest) = joined,
                None => return Ok(Some(terms)),
            }
        }
    }
}

/// Splits off a weight, if there is one, with the spaces before it. Returns it as written, and the rest.
fn weight_of(text: &str) -> (Option<&str>, &str) {
    let is_number = |written: &str| {
        // A negative weight is refused later, with a hint.
        let written = written.strip_prefix('-').unwrap_or(written);
        written.starts_with(|c: char| c.is_ascii_digit())
            && written.chars().all(|c| c.is_ascii_digit() || c == '.')
            && written.matches('.').count() <= 1
    };
    let split = text.trim_start().split_once(':');
    match split {
        Some((written, rest)) if is_number(written) => (Some(written), rest),
        _ => (None, text),
    }
}

/// The first term of a text.
struct FirstTerm<'a> {
    text: &'a str,
    is_literal: bool,
}

/// The sign of an operator, and the text that follows.
type Rest<'a> = (f32, &'a str);

impl FirstTerm<'_> {
    fn of(text: &str) -> (FirstTerm<'_>, Option<Rest<'_>>) {
        if let Some(quoted) = quoted(text) {
            return quoted;
        }
        let operators = text.char_indices().filter_map(|(at, _)| {
            let joined = operator(&text[at..])?;
            Some((at, joined))
        });
        let (end, joined) = match operators.into_iter().next() {
            Some((at, joined)) => (at, Some(joined)),
            None => (text.len(), None),
        };
        let text = text[..end].trim();
        let is_literal = false;
        (FirstTerm { text, is_literal }, joined)
    }

    fn into_mix_term(self, sign: f32, weight: Option<&str>) -> Result<MixTerm> {
        if self.text.is_empty() {
            return Err(Error::EmptyTerm);
        }
        let written = weight.unwrap_or("1");
        match written.parse::<f32>() {
            Ok(weight) if weight > 0.0 && weight <= WEIGHT_LIMIT => Ok(MixTerm {
                weight: sign * weight,
                text: self.text.to_owned(),
                is_literal: self.is_literal,
            }),
            _ => Err(Error::TermWeight {
                weight: written.to_owned(),
                term: self.text.to_owned(),
            }),
        }
    }
}

/// Parses a term in quotes. An operator or the end of the text must follow the closing quote.
fn quoted(text: &str) -> Option<(FirstTerm<'_>, Option<Rest<'_>>)> {
    let inner = text.trim_start().strip_prefix('"')?;
    inner.match_indices('"').find_map(|(end, _)| {
        let after = &inner[end + 1..];
        let joined = operator(after);
        let is_end = joined.is_some() || after.trim().is_empty();
        let term = FirstTerm {
            text: inner[..end].trim(),
            is_literal: true,
        };
        is_end.then_some((term, joined))
    })
}

/// Parses an operator, with the spaces around it.
fn operator(text: &str) -> Option<Rest<'_>> {
    let sign = text.trim_start();
    let after = match sign.chars().next()? {
        '+' => (1.0, &sign[1..]),
        '-' => (-1.0, &sign[1..]),
        _ => return None,
    };
    let has_blanks = sign.len() < text.len() && after.1.starts_with(char::is_whitespace);
    has_blanks.then_some(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(text: &str, expected: &[(f32, &str)]) {
        let terms = MixTerm::parse(text).unwrap().expect("a mix");
        let terms: Vec<(f32, &str)> = terms
            .iter()
            .map(|term| (term.weight, term.text.as_str()))
            .collect();
        assert_eq!(terms, expected, "{text}");
    }

    #[test]
    fn terms_have_signs_and_weights() {
        case("dog + cat", &[(1.0, "dog"), (1.0, "cat")]);
        case(
            "2:golden retriever + ./beach.jpg - people",
            &[
                (2.0, "golden retriever"),
                (1.0, "./beach.jpg"),
                (-1.0, "people"),
            ],
        );
        case(" 0.5: a dog -  2.5:cat ", &[(0.5, "a dog"), (-2.5, "cat")]);
        case("dog - like:12", &[(1.0, "dog"), (-1.0, "like:12")]);
        case("Hund\u{a0}+\u{3000}犬", &[(1.0, "Hund"), (1.0, "犬")]);
    }

    #[test]
    fn words_stay_words() {
        for text in [
            "a dog",
            "2:golden retriever",
            "a black-and-white C++ book",
            "- people",
            "dog +",
            "dog +cat",
            "dog- cat",
            "\"red - blue\"",
            "",
            "+",
        ] {
            assert_eq!(MixTerm::parse(text).unwrap(), None, "{text}");
        }
        case(
            "C++ + black-and-white",
            &[(1.0, "C++"), (1.0, "black-and-white")],
        );
        case("1:30:00 + x", &[(1.0, "30:00"), (1.0, "x")]);
        case(
            "a: b + https://x.y/z.jpg",
            &[(1.0, "a: b"), (1.0, "https://x.y/z.jpg")],
        );
    }

    #[test]
    fn quotes_make_words_literal() {
        let terms = MixTerm::parse("2:\"red - blue\" - \"like:1\" + \"10:30\"")
            .unwrap()
            .unwrap();
        let terms: Vec<(f32, &str, bool)> = terms
            .iter()
            .map(|term| (term.weight, term.text.as_str(), term.is_literal))
            .collect();
        assert_eq!(
            terms,
            [
                (2.0, "red - blue", true),
                (-1.0, "like:1", true),
                (1.0, "10:30", true)
            ]
        );
        // A quote that ends nothing is a character like others.
        case("\"a + b", &[(1.0, "\"a"), (1.0, "b")]);
        case(
            "5\" screen + \"x\" y",
            &[(1.0, "5\" screen"), (1.0, "\"x\" y")],
        );
    }

    #[test]
    fn what_is_no_term_is_refused() {
        for text in ["dog + + cat", "dog + 2: - cat", "\"\" + dog", "dog + \" \""] {
            assert!(
                matches!(MixTerm::parse(text), Err(Error::EmptyTerm)),
                "{text}"
            );
        }
        for text in [
            "0:dog + cat",
            "-1:dog + cat",
            "cat - 0.0:dog",
            "cat + 1000.5:a",
        ] {
            let error = MixTerm::parse(text);
            assert!(matches!(error, Err(Error::TermWeight { .. })), "{text}");
        }
    }
}
