use candle_core::Tensor;

use crate::{Result, ops::Linear, weights::Weights};

/// Weighted means of tokens, whose weights are a softmax of what `heads` learned products say of each token.
pub(super) struct AttentionPooling {
    score: Linear,
}

impl AttentionPooling {
    pub(super) fn new(width: usize, heads: usize, weights: &Weights<'_>) -> Result<Self> {
        Ok(Self {
            score: Linear::new(width, heads, &weights.below("score"))?,
        })
    }

    /// (tokens, width) → (heads · width), one mean after another.
    pub(super) fn forward(&self, tokens: &Tensor) -> Result<Tensor> {
        let shares = softmax(&self.score.forward(tokens)?.t()?.contiguous()?)?;
        Ok(shares.matmul(tokens)?.flatten_all()?)
    }
}

/// Of every row.
pub(super) fn softmax(rows: &Tensor) -> Result<Tensor> {
    let powers = rows.broadcast_sub(&rows.max_keepdim(1)?)?.exp()?;
    Ok(powers.broadcast_div(&powers.sum_keepdim(1)?)?)
}
