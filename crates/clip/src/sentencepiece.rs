//! Unigram models of [SentencePiece](https://github.com/google/sentencepiece), computed as its own library does: the same
//! pieces for every text.
//!
//! The crate `tokenizers` has a unigram model and a normaliser for such files too, but its results differ: it normalises
//! by grapheme where SentencePiece takes the longest rule, and adds scores in f64.

mod model;
mod normalizer;
mod piece;
mod unigram;
mod wire;

pub(crate) use model::SentencePiece;
