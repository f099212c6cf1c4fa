use candle_core::Tensor;
use nn::{Attention, LayerNorm, Linear, Perceptron, Result, Sequences, Then, Weights};

use crate::{config::EncoderConfig, encoder::perceptron};

/// Attention pooling with a learned query over all patches of a picture, and a perceptron, equal to transformers'
/// `SiglipMultiheadAttentionPoolingHead`.
pub(crate) struct AttentionPooling {
    /// (1, width): the query.
    probe: Tensor,
    attention: Attention,
    norm: LayerNorm,
    perceptron: Perceptron,
}

impl AttentionPooling {
    pub(crate) fn new(config: &EncoderConfig, weights: &Weights<'_>) -> Result<Self> {
        let width = config.width;
        Ok(Self {
            probe: weights
                .tensor("probe", &[1, 1, width])?
                .reshape((1, width))?,
            attention: attention(config, &weights.below("attention"))?,
            norm: LayerNorm::new(width, config.epsilon, &weights.below("layernorm"))?,
            perceptron: perceptron(config, &weights.below("mlp"))?,
        })
    }

    /// (pictures x patches, width) → (pictures, width).
    pub(crate) fn forward(&self, patches: &Tensor, pictures: usize) -> Result<Tensor> {
        let (rows, width) = patches.dims2()?;
        let sequences = Sequences::open(vec![rows / pictures.max(1); pictures]);
        let probes = self.probe.expand((pictures, width))?.contiguous()?;
        let hidden = self
            .attention
            .forward_one(&probes, patches, &sequences, Then::default())?;
        let normed = self.norm.forward(&hidden)?;
        self.perceptron.forward(&normed, Then::adding(&hidden))
    }
}

/// Reads the weights of PyTorch's `MultiheadAttention`, with one tensor for queries, keys and values, or of timm's,
/// with a separate tensor for queries.
fn attention(config: &EncoderConfig, weights: &Weights<'_>) -> Result<Attention> {
    let width = config.width;
    let joined = |kind: &str, one: &[usize], two: &[usize]| -> Result<Tensor> {
        let query = weights.tensor(&format!("q.{kind}"), one)?;
        let key_value = weights.tensor(&format!("kv.{kind}"), two)?;
        Ok(Tensor::cat(&[query, key_value], 0)?)
    };
    let (weight, bias) = if weights.has("q.weight") {
        (
            joined("weight", &[width, width], &[2 * width, width])?,
            joined("bias", &[width], &[2 * width])?,
        )
    } else {
        (
            weights.tensor("in_proj_weight", &[3 * width, width])?,
            weights.tensor("in_proj_bias", &[3 * width])?,
        )
    };
    let third = |third| -> Result<Linear> {
        let part = |tensor: &Tensor| tensor.narrow(0, third * width, width)?.contiguous();
        Linear::from_tensors(part(&weight)?, Some(part(&bias)?))
    };
    let output = Linear::leaves(width, width, &weights.below("out_proj"))?;
    Attention::new(
        [third(0)?, third(1)?, third(2)?],
        output,
        config.heads,
        weights,
    )
}
