use candle_core::{Device, Tensor};

use crate::{
    Result,
    config::{ClipConfig, TextPooling},
    encoder::Encoder,
    ops::{Embedding, LayerNorm, Linear, Sequences, positions},
    ragged,
    weights::Weights,
};

/// CLIP's text transformer, as transformers' `CLIPTextModelWithProjection`.
pub(crate) struct TextTransformer {
    tokens: Embedding,
    /// (context, width)
    positions: Tensor,
    encoder: Encoder,
    norm: LayerNorm,
    projection: Linear,
    pooling: TextPooling,
    context: usize,
}

impl TextTransformer {
    pub(crate) fn new(config: &ClipConfig, weights: &Weights<'_>) -> Result<Self> {
        let text = &config.text;
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
            projection: Linear::without_bias(
                width,
                config.projection,
                &weights.below("text_projection"),
            )?,
            pooling: text.pooling,
            context: text.context,
        })
    }

    /// Texts as token ids → (texts, projection).
    ///
    /// A token sees those before it alone, so whatever follows the one that stands for the text is left out, padding
    /// too, and every text is computed at its own length.
    pub(crate) fn forward(&self, texts: &[Vec<u32>]) -> Result<Tensor> {
        ragged::by_length(&self.cut(texts)?, |sorted| self.forward_sorted(sorted))
    }

    /// Every text up to the token that stands for it.
    fn cut<'a>(&self, texts: &'a [Vec<u32>]) -> Result<Vec<&'a [u32]>> {
        let texts = ragged::checked(texts, self.context)?.into_iter();
        let cut = |tokens: &'a [u32]| &tokens[..=self.pooling.position(tokens)];
        Ok(texts.map(cut).collect())
    }

    fn forward_sorted(&self, texts: &[&[u32]]) -> Result<Tensor> {
        let positions = positions(&self.positions, texts)?;
        let hidden = (self.tokens.forward(&texts.concat())? + positions)?;
        let lengths = ragged::lengths(texts);
        let pooled = self.encoder.forward(
            &hidden,
            &Sequences::causal(lengths.clone()),
            &last_rows(&lengths, hidden.device())?,
        )?;
        self.projection.forward(&self.norm.forward(&pooled)?)
    }
}

/// The row of every sequence's last token.
pub(crate) fn last_rows(lengths: &[usize], device: &Device) -> Result<Tensor> {
    let ends = lengths.iter().scan(0, |end, length| {
        *end += length;
        Some(*end as u32 - 1)
    });
    Ok(Tensor::new(ends.collect::<Vec<u32>>(), device)?)
}
