use std::borrow::Cow;

use candle_core::{Device, Tensor};
use nn::{Embedding, LayerNorm, Linear, Result, Sequences, Weights, positions, ragged};

use crate::{clip::TextConfig, encoder::Encoder};

/// CLIP's text transformer, equal to transformers' `CLIPTextModelWithProjection`.
pub(crate) struct TextTransformer {
    tokens: Embedding,
    /// (context, width)
    positions: Tensor,
    encoder: Encoder,
    norm: LayerNorm,
    projection: Option<Linear>,
    config: TextConfig,
}

impl TextTransformer {
    /// Reads a tower with embeddings of length `dimension`.
    pub(crate) fn new(text: &TextConfig, dimension: usize, weights: &Weights<'_>) -> Result<Self> {
        let width = text.encoder.width;
        let model = weights.below("text_model");
        let embeddings = model.below("embeddings");
        Ok(Self {
            tokens: Embedding::new(text.vocabulary, width, &embeddings.below("token_embedding"))?,
            positions: embeddings.tensor("position_embedding.weight", &[text.context, width])?,
            encoder: Encoder::new(&text.encoder, &model.below("encoder"))?,
            norm: LayerNorm::new(
                width,
                text.encoder.epsilon,
                &model.below("final_layer_norm"),
            )?,
            projection: text.projection.read(
                width,
                dimension,
                &weights.below("text_projection"),
            )?,
            config: text.clone(),
        })
    }

    /// Token ids of texts → (texts, dimension).
    ///
    /// With causal attention, the tokens after the pooled one, including padding, are skipped, and every text is
    /// computed at its own length.
    pub(crate) fn forward(&self, texts: &[Vec<u32>]) -> Result<Tensor> {
        let texts = ragged::checked(texts, self.config.context)?.into_iter();
        let filled: Vec<Cow<'_, [u32]>> = texts.map(|tokens| self.fill(tokens)).collect();
        let needed: Vec<&[u32]> = filled.iter().map(|tokens| self.needed(tokens)).collect();
        ragged::by_length(&needed, |sorted| self.forward_sorted(sorted))
    }

    /// A text with its padding, if that affects the result.
    fn fill<'a>(&self, tokens: &'a [u32]) -> Cow<'a, [u32]> {
        let TextConfig {
            context, padding, ..
        } = self.config;
        match padding {
            None => Cow::Borrowed(tokens),
            Some(padding) => {
                let mut filled = tokens.to_vec();
                filled.resize(context, padding);
                Cow::Owned(filled)
            }
        }
    }

    /// The tokens that affect the result.
    fn needed<'a>(&self, tokens: &'a [u32]) -> &'a [u32] {
        if self.config.causal {
            &tokens[..=self.config.pooling.position(tokens)]
        } else {
            tokens
        }
    }

    fn forward_sorted(&self, texts: &[&[u32]]) -> Result<Tensor> {
        let positions = positions(&self.positions, texts)?;
        let hidden = (self.tokens.forward(&texts.concat())? + positions)?;
        let lengths = ragged::lengths(texts);
        let sequences = if self.config.causal {
            Sequences::causal(lengths)
        } else {
            Sequences::open(lengths)
        };
        let used = self.used_rows(texts, hidden.device())?;
        let pooled = self.encoder.forward(&hidden, &sequences, &used)?;
        let normed = self.norm.forward(&pooled)?;
        match &self.projection {
            Some(projection) => projection.forward(&normed),
            None => Ok(normed),
        }
    }

    /// The row of the pooled token of every text.
    fn used_rows(&self, texts: &[&[u32]], device: &Device) -> Result<Tensor> {
        let rows = texts.iter().scan(0, |start, tokens| {
            let row = *start + self.config.pooling.position(tokens);
            *start += tokens.len();
            Some(row as u32)
        });
        Ok(Tensor::new(rows.collect::<Vec<u32>>(), device)?)
    }
}
