//! What tokenizers of all families share: the files that describe them, and the way from a text to token ids. How a
//! family's tokenizer is made of its files is told in the family's folder.

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

/// Texts to token ids, with those for the beginning and the end.
pub(crate) struct Tokenizer {
    inner: Box<dyn Encode>,
    /// What is done to a text first.
    cleaning: Option<Cleaning>,
}

/// What finds the token ids of a text: the crate `tokenizers`, or a family's own code.
pub(crate) trait Encode: Send + Sync {
    /// The ids of `text`, with those for the beginning and the end.
    fn encode(&self, text: &str) -> Result<Vec<u32>>;
}

/// The steps of the crate `tokenizers` around the model `M`.
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
    /// The tokenizer that `tokenizer.json` describes, whatever it is. Texts are cut to `context` tokens.
    pub(crate) fn saved(checkpoint: &Checkpoint, context: usize) -> Result<Self> {
        Self::new(as_saved(checkpoint)?.into_inner(), checkpoint, context)
    }

    /// One that cuts and pads texts by itself.
    pub(crate) fn own(inner: impl Encode + 'static) -> Self {
        Self {
            inner: Box::new(inner),
            cleaning: None,
        }
    }

    /// The same for texts that are cleaned first.
    pub(crate) fn cleaning(self, cleaning: Cleaning) -> Self {
        Self {
            cleaning: Some(cleaning),
            ..self
        }
    }

    /// `inner`, with texts cut to `limit` tokens and padded.
    pub(crate) fn padded(
        inner: tokenizers::Tokenizer,
        checkpoint: &Checkpoint,
        limit: usize,
        padding: PaddingParams,
    ) -> Result<Self> {
        Self::with_padding(inner.into_inner(), checkpoint, limit, Some(padding))
    }

    /// `inner`, whose texts are cut to `limit` tokens.
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

    /// The ids of `text`, without padding unless the model was trained with it.
    pub(crate) fn encode(&self, text: &str) -> Result<Vec<u32>> {
        let clean = self.cleaning.map(|cleaning| cleaning.clean(text));
        let text = clean.as_deref().unwrap_or(text);
        self.inner.encode(text)
    }
}

/// The tokenizer that `tokenizer.json` describes, before texts are cut.
pub(crate) fn as_saved(checkpoint: &Checkpoint) -> Result<tokenizers::Tokenizer> {
    let bytes = checkpoint.require(TOKENIZER)?;
    tokenizers::Tokenizer::from_bytes(bytes).map_err(unusable(checkpoint, TOKENIZER))
}

fn truncate<M: Model>(inner: &mut Steps<M>, checkpoint: &Checkpoint, limit: usize) -> Result<()> {
    // The library would subtract below 0.
    let added = inner
        .get_post_processor()
        .map_or(0, |processor| processor.added_tokens(false));
    if limit <= added {
        let expected = format!("more than the {added} tokens that every text has");
        return Err(Error::setting(
            &checkpoint.place(CONFIG),
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
