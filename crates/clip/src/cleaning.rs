//! How open_clip cleans a text before its tokenizer sees it, as its
//! [`tokenizer.py`](https://github.com/mlfoundations/open_clip/blob/main/src/open_clip/tokenizer.py) does: text that went
//! wrong is mended as by [ftfy](https://ftfy.readthedocs.io) ([`mending`]), HTML entities are resolved twice
//! ([`entities`]), and white space, case and punctuation go as the model's settings say.

mod characters;
mod entities;
mod mending;
mod mojibake;

use crate::siglip::is_python_space;

/// What open_clip's `get_clean_fn` knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cleaning {
    /// Single spaces.
    Whitespace,
    /// And lower case.
    Lower,
    /// And no punctuation of ASCII, which all text models of SigLIP's want.
    Canonical,
}

impl Cleaning {
    /// The one that open_clip calls `name`.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "whitespace" => Some(Self::Whitespace),
            "lower" => Some(Self::Lower),
            "canonicalize" => Some(Self::Canonical),
            _ => None,
        }
    }

    pub(crate) fn clean(self, text: &str) -> String {
        let mended = mending::mend(text);
        let once = entities::unescape(&mended);
        let text = entities::unescape(&once);
        match self {
            Self::Whitespace => single_spaces(&text),
            Self::Lower => single_spaces(&text).to_lowercase(),
            Self::Canonical => canonical(&text),
        }
    }
}

/// A text without punctuation of ASCII, in lower case, with single spaces.
fn canonical(text: &str) -> String {
    let spaced = text.replace('_', " ");
    let kept: String = spaced
        .chars()
        .filter(|character| !character.is_ascii_punctuation())
        .collect();
    single_spaces(&kept.to_lowercase())
}

/// A text whose words have one space between them, and none around.
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
