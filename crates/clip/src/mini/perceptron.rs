use candle_core::Tensor;

use super::quantised;
use crate::{
    Result,
    ops::{Activation, LayerNorm, Linear},
    weights::Weights,
};

const EPSILON: f64 = 1e-5;

/// The end of each head: a layer norm, then one hidden layer.
pub(super) struct Perceptron {
    norm: LayerNorm,
    inner: Linear,
    outer: Linear,
}

impl Perceptron {
    pub(super) fn new(
        inputs: usize,
        hidden: usize,
        outputs: usize,
        weights: &Weights<'_>,
    ) -> Result<Self> {
        Ok(Self {
            norm: LayerNorm::new(inputs, EPSILON, &weights.below("norm"))?,
            inner: quantised::linear(inputs, hidden, &weights.below("inner"))?,
            outer: quantised::linear(hidden, outputs, &weights.below("outer"))?,
        })
    }

    /// (…, inputs) → (…, outputs).
    pub(super) fn forward(&self, input: &Tensor) -> Result<Tensor> {
        let inner = self.inner.forward(&self.norm.forward(input)?)?;
        self.outer.forward(&Activation::Gelu.forward(&inner)?)
    }
}
