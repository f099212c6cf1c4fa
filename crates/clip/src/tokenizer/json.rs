use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{SeqAccess, Visitor, value::SeqAccessDeserializer},
};
use tokenizers::models::bpe::Vocab;

use super::{error::unusable, token::TokenJson};
use crate::{
    Checkpoint, Result,
    checkpoint::{MERGES, TOKENIZER, VOCABULARY},
};

/// The used parts of `tokenizer.json`.
#[derive(Deserialize)]
pub(crate) struct TokenizerJson {
    /// The file to name in errors.
    #[serde(skip, default = "tokenizer_file")]
    pub(crate) file: &'static str,
    #[serde(default)]
    pub(crate) added_tokens: Vec<TokenJson>,
    pub(crate) model: ModelJson,
}

fn tokenizer_file() -> &'static str {
    TOKENIZER
}

#[derive(Deserialize)]
pub(crate) struct ModelJson {
    #[serde(default)]
    pub(crate) vocab: Vocab,
    #[serde(default)]
    pub(crate) merges: Vec<MergeJson>,
}

/// A pair of pieces; older files join them with a space.
pub(crate) enum MergeJson {
    Line(String),
    Pair(String, String),
}

// Manual, because `untagged` would copy each of up to 580,000 merges.
impl<'de> Deserialize<'de> for MergeJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = MergeJson;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a text of two pieces, or an array of them")
            }

            fn visit_str<E>(self, line: &str) -> Result<MergeJson, E> {
                Ok(MergeJson::Line(line.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, pair: A) -> Result<MergeJson, A::Error> {
                let pair = SeqAccessDeserializer::new(pair);
                let (first, second) = Deserialize::deserialize(pair)?;
                Ok(MergeJson::Pair(first, second))
            }
        }

        deserializer.deserialize_any(Either)
    }
}

impl MergeJson {
    pub(crate) fn pieces(&self) -> tokenizers::Result<(&str, &str)> {
        match self {
            Self::Pair(first, second) => Ok((first, second)),
            Self::Line(line) => match line.split_once(' ') {
                Some((first, second)) if !second.contains(' ') => Ok((first, second)),
                _ => {
                    Err(format!("the merge `{line}` is not two pieces separated by a space").into())
                }
            },
        }
    }
}

impl TokenizerJson {
    /// Reads `vocab.json` and `merges.txt`.
    pub(crate) fn of_parts(checkpoint: &Checkpoint) -> Result<Self> {
        let vocab = checkpoint.require_json(VOCABULARY)?;
        let merges = std::str::from_utf8(checkpoint.require(MERGES)?);
        let merges = merges.map_err(|error| unusable(checkpoint, MERGES)(error.into()))?;
        let merges = merges.lines().filter(|line| !line.starts_with("#version"));
        let merges = merges
            .map(|line| MergeJson::Line(line.to_owned()))
            .collect();
        Ok(Self {
            file: MERGES,
            added_tokens: Vec::new(),
            model: ModelJson { vocab, merges },
        })
    }
}
