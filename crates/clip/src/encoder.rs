use candle_core::Tensor;
use nn::{Activation, Attention, LayerNorm, Linear, Result, Sequences, Weights};
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

/// The two products of a transformer layer, with the names that transformers gives them.
pub(crate) struct Perceptron {
    inner: Linear,
    activation: Activation,
    outer: Linear,
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

    /// The last layer's vector for one token of every sequence: (tokens, width) → (sequences, width). That layer is
    /// computed for those tokens alone.
    ///
    /// `used` are the rows of those tokens. In causal sequences they have to be the last.
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
        let scale = |name| match config.layer_scale {
            true => weights.tensor(name, &[config.width]).map(Some),
            false => Ok(None),
        };
        Ok(Self {
            attention_norm: norm("layer_norm1")?,
            attention: attention(config, &weights.below("self_attn"))?,
            attention_scale: scale("layer_scale1.lambda1")?,
            perceptron_norm: norm("layer_norm2")?,
            perceptron: Perceptron::new(config, &weights.below("mlp"))?,
            perceptron_scale: scale("layer_scale2.lambda1")?,
        })
    }

    fn forward(&self, hidden: &Tensor, sequences: &Sequences) -> Result<Tensor> {
        let normed = self.attention_norm.forward(hidden)?;
        let attended = self.attention.forward(&normed, sequences)?;
        self.think(&(hidden + scaled(attended, self.attention_scale.as_ref())?)?)
    }

    /// The same for the rows `used` alone.
    fn forward_one(&self, hidden: &Tensor, sequences: &Sequences, used: &Tensor) -> Result<Tensor> {
        let normed = self.attention_norm.forward(hidden)?;
        let queries = normed.index_select(used, 0)?;
        let attended = self.attention.forward_one(&queries, &normed, sequences)?;
        let attended = scaled(attended, self.attention_scale.as_ref())?;
        self.think(&(hidden.index_select(used, 0)? + attended)?)
    }

    fn think(&self, hidden: &Tensor) -> Result<Tensor> {
        let thought = self
            .perceptron
            .forward(&self.perceptron_norm.forward(hidden)?)?;
        Ok((hidden + scaled(thought, self.perceptron_scale.as_ref())?)?)
    }
}

/// With the names that transformers gives the projections of CLIP.
fn attention(config: &EncoderConfig, weights: &Weights<'_>) -> Result<Attention> {
    let width = config.width;
    let projection = |name| Linear::saved(width, width, &weights.below(name));
    Attention::new(
        projection("q_proj")?,
        projection("k_proj")?,
        projection("v_proj")?,
        projection("out_proj")?,
        config.heads,
    )
}

fn scaled(rows: Tensor, scale: Option<&Tensor>) -> Result<Tensor> {
    match scale {
        Some(scale) => Ok(rows.broadcast_mul(scale)?),
        None => Ok(rows),
    }
}

impl Perceptron {
    pub(crate) fn new(config: &EncoderConfig, weights: &Weights<'_>) -> Result<Self> {
        Ok(Self {
            inner: Linear::new(config.width, config.inner, &weights.below("fc1"))?,
            activation: config.activation,
            outer: Linear::new(config.inner, config.width, &weights.below("fc2"))?,
        })
    }

    pub(crate) fn forward(&self, hidden: &Tensor) -> Result<Tensor> {
        let hidden = self.inner.forward(hidden)?;
        self.outer.forward(&self.activation.forward(&hidden)?)
    }
}
