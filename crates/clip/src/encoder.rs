use candle_core::Tensor;
use nn::{Attention, LayerNorm, Linear, Perceptron, Result, Sequences, Then, Weights};
use rayon::prelude::*;

use crate::config::EncoderConfig;

/// A stack of transformer layers.
pub(crate) struct Encoder {
    layers: Vec<Layer>,
}

struct Layer {
    attention_norm: LayerNorm,
    attention: Attention,
    attention_scale: Option<Tensor>,
    perceptron_norm: LayerNorm,
    perceptron: Perceptron,
    perceptron_scale: Option<Tensor>,
}

impl Encoder {
    pub(crate) fn new(config: &EncoderConfig, weights: &Weights<'_>) -> Result<Self> {
        let layers = (0..config.layers)
            .into_par_iter()
            .map(|layer| Layer::new(config, &weights.below(&format!("layers.{layer}"))));
        Ok(Self {
            layers: layers.collect::<Result<_>>()?,
        })
    }

    /// The last layer's vectors for all tokens: (tokens, width) → (tokens, width).
    pub(crate) fn forward_all(&self, hidden: &Tensor, sequences: &Sequences) -> Result<Tensor> {
        let mut hidden = hidden.clone();
        for layer in &self.layers {
            hidden = layer.forward(&hidden, sequences)?;
        }
        Ok(hidden)
    }

    /// The last layer's vector for one token of every sequence: (tokens, width) → (sequences, width). The last layer
    /// computes only these.
    ///
    /// `used` are the rows of these tokens. In causal sequences they must be the last.
    pub(crate) fn forward(
        &self,
        hidden: &Tensor,
        sequences: &Sequences,
        used: &Tensor,
    ) -> Result<Tensor> {
        let Some((last, others)) = self.layers.split_last() else {
            return Ok(hidden.index_select(used, 0)?);
        };
        let mut hidden = hidden.clone();
        for layer in others {
            hidden = layer.forward(&hidden, sequences)?;
        }
        last.forward_one(&hidden, sequences, used)
    }
}

impl Layer {
    fn new(config: &EncoderConfig, weights: &Weights<'_>) -> Result<Self> {
        let norm = |name| LayerNorm::new(config.width, config.epsilon, &weights.below(name));
        let scale = |name| {
            if config.layer_scale {
                weights.tensor(name, &[config.width]).map(Some)
            } else {
                Ok(None)
            }
        };
        Ok(Self {
            attention_norm: norm("layer_norm1")?,
            attention: attention(config, &weights.below("self_attn"))?,
            attention_scale: scale("layer_scale1.lambda1")?,
            perceptron_norm: norm("layer_norm2")?,
            perceptron: perceptron(config, &weights.below("mlp"))?,
            perceptron_scale: scale("layer_scale2.lambda1")?,
        })
    }

    fn forward(&self, hidden: &Tensor, sequences: &Sequences) -> Result<Tensor> {
        let normed = self.attention_norm.forward(hidden)?;
        let scale = self.attention_scale.as_ref();
        let attended = added(hidden, scale, |then| {
            self.attention.forward(&normed, sequences, then)
        });
        self.feed_forward(&attended?)
    }

    /// Computes only the rows `used`.
    fn forward_one(&self, hidden: &Tensor, sequences: &Sequences, used: &Tensor) -> Result<Tensor> {
        let normed = self.attention_norm.forward(hidden)?;
        let queries = normed.index_select(used, 0)?;
        let hidden = hidden.index_select(used, 0)?;
        let attended = added(&hidden, self.attention_scale.as_ref(), |then| {
            self.attention
                .forward_one(&queries, &normed, sequences, then)
        });
        self.feed_forward(&attended?)
    }

    fn feed_forward(&self, hidden: &Tensor) -> Result<Tensor> {
        let normed = self.perceptron_norm.forward(hidden)?;
        added(hidden, self.perceptron_scale.as_ref(), |then| {
            self.perceptron.forward(&normed, then)
        })
    }
}

/// `hidden` + `scale` · the result of `part`.
fn added(
    hidden: &Tensor,
    scale: Option<&Tensor>,
    part: impl FnOnce(Then<'_>) -> Result<Tensor>,
) -> Result<Tensor> {
    match scale {
        Some(scale) => Ok((hidden + part(Then::default())?.broadcast_mul(scale)?)?),
        None => part(Then::adding(hidden)),
    }
}

/// Attention with transformers' names for CLIP's projections.
fn attention(config: &EncoderConfig, weights: &Weights<'_>) -> Result<Attention> {
    let width = config.width;
    let projection = |name| Linear::leaves(width, width, &weights.below(name));
    Attention::new(
        [
            projection("q_proj")?,
            projection("k_proj")?,
            projection("v_proj")?,
        ],
        projection("out_proj")?,
        config.heads,
        weights,
    )
}

/// A transformer layer's perceptron with transformers' names.
pub(crate) fn perceptron(config: &EncoderConfig, weights: &Weights<'_>) -> Result<Perceptron> {
    let inner = Linear::new(config.width, config.inner, &weights.below("fc1"))?;
    let outer = Linear::new(config.inner, config.width, &weights.below("fc2"))?;
    Ok(Perceptron::new(inner, config.activation, outer))
}
