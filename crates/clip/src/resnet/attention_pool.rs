use candle_core::Tensor;
use nn::{Attention, Linear, Result, Sequences, Then, Weights};

use super::config::ResNetConfig;

/// Attention pooling: the mean of all pixels is the query.
pub(super) struct AttentionPool {
    /// (1, 1 + pixels, features)
    positions: Tensor,
    attention: Attention,
}

impl AttentionPool {
    pub(super) fn new(
        config: &ResNetConfig,
        dimension: usize,
        weights: &Weights<'_>,
    ) -> Result<Self> {
        let side = config.image / ResNetConfig::REDUCTION;
        let features = config.features();
        let positions = weights.tensor("positional_embedding", &[1 + side * side, features])?;
        let projection = |name, outputs| Linear::leaves(features, outputs, &weights.below(name));
        Ok(Self {
            positions: positions.unsqueeze(0)?,
            attention: Attention::new(
                [
                    projection("q_proj", features)?,
                    projection("k_proj", features)?,
                    projection("v_proj", features)?,
                ],
                projection("c_proj", dimension)?,
                config.heads,
                weights,
            )?,
        })
    }

    /// (batch, height, width, features) → (batch, dimension).
    pub(super) fn forward(&self, places: &Tensor) -> Result<Tensor> {
        let places = places.flatten(1, 2)?;
        let (batch, count, features) = places.dims3()?;
        let average = places.mean_keepdim(1)?;
        let tokens = Tensor::cat(&[&average, &places], 1)?.broadcast_add(&self.positions)?;
        let queries = tokens.narrow(1, 0, 1)?.contiguous()?;
        let sequences = Sequences::open(vec![1 + count; batch]);
        self.attention.forward_one(
            &queries.reshape((batch, features))?,
            &tokens.reshape((batch * (1 + count), features))?,
            &sequences,
            Then::default(),
        )
    }
}
