//! Cleans texts like open_clip's
//! [`tokenizer.py`](https://github.com/mlfoundations/open_clip/blob/main/src/open_clip/tokenizer.py) before
//! tokenization.
//!
//! Repairs broken text like [ftfy](https://ftfy.readthedocs.io) ([`repair`]) and resolves HTML entities twice
//! ([`entities`]). The model's settings decide about white space, case and punctuation.

mod characters;
mod entities;
mod mojibake;
mod repair;

use crate::siglip::is_python_space;

/// The cleaning functions of open_clip's `get_clean_fn`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cleaning {
    /// Collapses white space to single spaces.
    Whitespace,
    /// Also lower-cases.
    Lower,
    /// Also removes ASCII punctuation, as all SigLIP text models expect.
    Canonical,
}

impl Cleaning {
    /// The function with this name in open_clip.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "whitespace" => Some(Self::Whitespace),
            "lower" => Some(Self::Lower),
            "canonicalize" => Some(Self::Canonical),
            _ => None,
        }
    }

    pub(crate) fn clean(self, text: &str) -> String {
        let repaired = repair::repair(text);
        let once = entities::unescape(&repaired);
        let text = entities::unescape(&once);
        match self {
            Self::Whitespace => single_spaces(&text),
            Self::Lower => single_spaces(&text).to_lowercase(),
            Self::Canonical => canonical(&text),
        }
    }
}

/// Removes ASCII punctuation, lower-cases, and collapses white space.
fn canonical(text: &str) -> String {
    let spaced = text.replace('_', " ");
    let kept: String = spaced
        .chars()
        .filter(|character| !character.is_ascii_punctuation())
        .collect();
    single_spaces(&kept.to_lowercase())
}

/// Puts one space between words and none around them.
fn single_spaces(text: &str) -> String {
    let words = text.split(is_python_space).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_texts_have_no_punctuation() {
        let clean = |text| Cleaning::Canonical.clean(text);
        assert_eq!(clean(" A_cat's  b Dog,\u{1f}\tÉ!"), "a cats b dog é");
        assert_eq!(clean("?! "), "");
    }
}
