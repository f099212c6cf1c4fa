//! The files of tokenizers, and the conversion of texts to token ids, for all families. Each family's module builds
//! its tokenizer from these files.

mod byte_pairs;
mod config;
mod error;
mod json;
mod special_tokens;
mod token;

use tokenizers::{
    DecoderWrapper, Model, NormalizerWrapper, PaddingParams, PostProcessor, PostProcessorWrapper,
    PreTokenizerWrapper, TokenizerImpl, TruncationParams,
};

pub(crate) use self::{
    byte_pairs::BytePairs,
    config::{NamedTokens, TokenizerConfig},
    error::unusable,
    json::{MergeJson, ModelJson, TokenizerJson},
    special_tokens::SpecialTokens,
    token::TokenJson,
};
use crate::{
    Checkpoint, Error, Result,
    checkpoint::{CONFIG, TOKENIZER},
    cleaning::Cleaning,
};

/// Converts texts to token ids, including the beginning and end tokens.
pub(crate) struct Tokenizer {
    inner: Box<dyn Encode>,
    /// Applied to a text first.
    cleaning: Option<Cleaning>,
}

/// Converts texts to token ids: the crate `tokenizers`, or a family's own code.
pub(crate) trait Encode: Send + Sync {
    /// The ids of `text`, including the beginning and end tokens.
    fn encode(&self, text: &str) -> Result<Vec<u32>>;
}

/// A tokenizer of the crate `tokenizers` around the model `M`.
pub(crate) type Steps<M> =
    TokenizerImpl<M, NormalizerWrapper, PreTokenizerWrapper, PostProcessorWrapper, DecoderWrapper>;

impl<M: Model + Send + Sync> Encode for Steps<M> {
    fn encode(&self, text: &str) -> Result<Vec<u32>> {
        let encoding = self.encode_fast(text, true);
        let encoding = encoding.map_err(|source| Error::Tokenize {
            bytes: text.len(),
            source,
        })?;
        Ok(encoding.get_ids().to_vec())
    }
}

impl Tokenizer {
    /// Opens any `tokenizer.json`. Texts are truncated to `context` tokens.
    pub(crate) fn saved(checkpoint: &Checkpoint, context: usize) -> Result<Self> {
        Self::new(as_saved(checkpoint)?.into_inner(), checkpoint, context)
    }

    /// Wraps a tokenizer that truncates and pads texts itself.
    pub(crate) fn own(inner: impl Encode + 'static) -> Self {
        Self {
            inner: Box::new(inner),
            cleaning: None,
        }
    }

    /// Cleans texts first.
    pub(crate) fn cleaning(self, cleaning: Cleaning) -> Self {
        Self {
            cleaning: Some(cleaning),
            ..self
        }
    }

    /// Wraps `inner`, truncates texts to `limit` tokens, and pads them.
    pub(crate) fn padded(
        inner: tokenizers::Tokenizer,
        checkpoint: &Checkpoint,
        limit: usize,
        padding: PaddingParams,
    ) -> Result<Self> {
        Self::with_padding(inner.into_inner(), checkpoint, limit, Some(padding))
    }

    /// Wraps `inner` and truncates texts to `limit` tokens.
    pub(crate) fn new<M: Model + Send + Sync + 'static>(
        inner: Steps<M>,
        checkpoint: &Checkpoint,
        limit: usize,
    ) -> Result<Self> {
        Self::with_padding(inner, checkpoint, limit, None)
    }

    fn with_padding<M: Model + Send + Sync + 'static>(
        mut inner: Steps<M>,
        checkpoint: &Checkpoint,
        limit: usize,
        padding: Option<PaddingParams>,
    ) -> Result<Self> {
        inner.with_padding(padding);
        truncate(&mut inner, checkpoint, limit)?;
        Ok(Self::own(inner))
    }

    /// The ids of `text`. Padding is removed unless the model was trained with it.
    pub(crate) fn encode(&self, text: &str) -> Result<Vec<u32>> {
        let clean = self.cleaning.map(|cleaning| cleaning.clean(text));
        let text = clean.as_deref().unwrap_or(text);
        self.inner.encode(text)
    }
}

/// Opens `tokenizer.json` without truncation.
pub(crate) fn as_saved(checkpoint: &Checkpoint) -> Result<tokenizers::Tokenizer> {
    let bytes = checkpoint.require(TOKENIZER)?;
    tokenizers::Tokenizer::from_bytes(bytes).map_err(unusable(checkpoint, TOKENIZER))
}

fn truncate<M: Model>(inner: &mut Steps<M>, checkpoint: &Checkpoint, limit: usize) -> Result<()> {
    // The library would underflow.
    let added = inner
        .get_post_processor()
        .map_or(0, |processor| processor.added_tokens(false));
    if limit <= added {
        let expected = format!("more than the {added} special tokens of every text");
        return Err(Error::setting(
            &checkpoint.path_of(CONFIG),
            "max_position_embeddings",
            limit,
            &expected,
        ));
    }
    let truncation = TruncationParams {
        max_length: limit,
        ..TruncationParams::default()
    };
    let done = inner.with_truncation(Some(truncation));
    done.map(|_| ()).map_err(unusable(checkpoint, TOKENIZER))
}
