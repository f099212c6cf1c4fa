//! Unigram models of [SentencePiece](https://github.com/google/sentencepiece), with the same pieces as its own
//! library.
//!
//! The unigram model and normaliser of the crate `tokenizers` give other results: it normalises by grapheme, while
//! SentencePiece takes the longest rule, and it adds scores in f64.

mod model;
mod normalizer;
mod piece;
mod unigram;
mod wire;

pub(crate) use model::SentencePiece;
