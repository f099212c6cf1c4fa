use std::borrow::Cow;

use candle_core::{Device, Tensor};

use crate::{
    Error, Result,
    config::TextConfig,
    encoder::Encoder,
    ops::{Embedding, LayerNorm, Linear, Sequences, positions},
    weights::Weights,
};

/// CLIP's text transformer, as transformers' `CLIPTextModelWithProjection`.
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
    /// A tower that ends in vectors of length `dimension`.
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

    /// Texts as token ids → (texts, dimension).
    ///
    /// Where a token sees those before it alone, whatever follows the one that stands for the text is left out, padding
    /// too, and every text is computed at its own length.
    pub(crate) fn forward(&self, texts: &[Vec<u32>]) -> Result<Tensor> {
        let texts: Vec<Text<'_>> = texts
            .iter()
            .map(|tokens| self.text(tokens))
            .collect::<Result<_>>()?;
        let mut sorted: Vec<(usize, &Text<'_>)> = texts.iter().enumerate().collect();
        sorted.sort_by_key(|(_, text)| text.tokens.len());
        let mut places = vec![0_u32; texts.len()];
        for (sorted, (original, _)) in sorted.iter().enumerate() {
            places[*original] = sorted as u32;
        }
        let sorted: Vec<&Text<'_>> = sorted.into_iter().map(|(_, text)| text).collect();
        let pooled = self.forward_sorted(&sorted)?;
        Ok(pooled.index_select(&Tensor::new(places, pooled.device())?, 0)?)
    }

    /// What of a text is computed: as much as changes the result.
    fn text<'a>(&self, tokens: &'a [u32]) -> Result<Text<'a>> {
        let TextConfig {
            context, pooling, ..
        } = self.config;
        if tokens.is_empty() || tokens.len() > context {
            return Err(Error::TokenCount {
                found: tokens.len(),
                limit: context,
            });
        }
        let tokens = match self.config.padding {
            Some(padding) => {
                let mut padded = tokens.to_vec();
                padded.resize(context, padding);
                Cow::Owned(padded)
            }
            None => Cow::Borrowed(tokens),
        };
        let used = pooling.position(&tokens);
        Ok(match (tokens, self.config.causal) {
            (Cow::Borrowed(tokens), true) => Text {
                tokens: Cow::Borrowed(&tokens[..=used]),
                used,
            },
            (Cow::Owned(mut tokens), true) => {
                tokens.truncate(used + 1);
                Text {
                    tokens: Cow::Owned(tokens),
                    used,
                }
            }
            (tokens, false) => Text { tokens, used },
        })
    }

    fn forward_sorted(&self, texts: &[&Text<'_>]) -> Result<Tensor> {
        let tokens: Vec<&[u32]> = texts.iter().map(|text| &*text.tokens).collect();
        let positions = positions(&self.positions, &tokens)?;
        let hidden = (self.tokens.forward(&tokens.concat())? + positions)?;
        let lengths = tokens.iter().map(|tokens| tokens.len()).collect();
        let sequences = match self.config.causal {
            true => Sequences::causal(lengths),
            false => Sequences::open(lengths),
        };
        let used = used_rows(texts, hidden.device())?;
        let pooled = self.encoder.forward(&hidden, &sequences, &used)?;
        let normed = self.norm.forward(&pooled)?;
        match &self.projection {
            Some(projection) => projection.forward(&normed),
            None => Ok(normed),
        }
    }
}

/// A text on its way through the tower.
struct Text<'a> {
    tokens: Cow<'a, [u32]>,
    /// The position of the token that stands for it.
    used: usize,
}

/// The row of every text's token that stands for it.
fn used_rows(texts: &[&Text<'_>], device: &Device) -> Result<Tensor> {
    let rows = texts.iter().scan(0, |start, text| {
        let row = *start + text.used;
        *start += text.tokens.len();
        Some(row as u32)
    });
    Ok(Tensor::new(rows.collect::<Vec<u32>>(), device)?)
}

/// The row of every sequence's last token.
pub(crate) fn last_rows(lengths: &[usize], device: &Device) -> Result<Tensor> {
    let ends = lengths.iter().scan(0, |end, length| {
        *end += length;
        Some(*end as u32 - 1)
    });
    Ok(Tensor::new(ends.collect::<Vec<u32>>(), device)?)
}
