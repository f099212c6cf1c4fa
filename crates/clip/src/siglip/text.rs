use candle_core::Tensor;

use crate::{
    Error, Result,
    encoder::Encoder,
    ops::{Embedding, LayerNorm, Linear, Sequences, positions},
    siglip::config::SiglipConfig,
    text::last_rows,
    weights::Weights,
};

/// SigLIP's text transformer, as transformers' `SiglipTextModel`.
///
/// Every token sees every other and the last stands for the text. SigLIP was trained on texts that are padded to one
/// length, without a mask: padding is seen too, and what stands for a short text is a token of padding.
pub(crate) struct TextTower {
    tokens: Embedding,
    /// (context, width)
    positions: Tensor,
    encoder: Encoder,
    norm: LayerNorm,
    head: Linear,
    context: usize,
}

impl TextTower {
    pub(crate) fn new(config: &SiglipConfig, weights: &Weights<'_>) -> Result<Self> {
        let (text, encoder) = (&config.text, &config.text.encoder);
        let width = encoder.width;
        let model = weights.below("text_model");
        let embeddings = model.below("embeddings");
        Ok(Self {
            tokens: Embedding::new(text.vocabulary, width, &embeddings.below("token_embedding"))?,
            positions: embeddings.tensor("position_embedding.weight", &[text.context, width])?,
            encoder: Encoder::new(encoder, &model.below("encoder"))?,
            norm: LayerNorm::new(width, encoder.epsilon, &model.below("final_layer_norm"))?,
            head: Linear::new(width, config.dimension(), &model.below("head"))?,
            context: text.context,
        })
    }

    /// Texts as token ids, padding included → (texts, dimension).
    pub(crate) fn forward(&self, texts: &[Vec<u32>]) -> Result<Tensor> {
        for tokens in texts {
            if tokens.is_empty() || tokens.len() > self.context {
                return Err(Error::TokenCount {
                    found: tokens.len(),
                    limit: self.context,
                });
            }
        }
        let texts: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
        let hidden = (self.tokens.forward(&texts.concat())? + positions(&self.positions, &texts)?)?;
        let lengths: Vec<usize> = texts.iter().map(|tokens| tokens.len()).collect();
        let last = last_rows(&lengths, hidden.device())?;
        let pooled = self
            .encoder
            .forward(&hidden, &Sequences::open(lengths), &last)?;
        self.head.forward(&self.norm.forward(&pooled)?)
    }
}
