use candle_core::Tensor;

use super::quantised;
use crate::{
    Result,
    ops::{Activation, LayerNorm, Linear},
    weights::Weights,
};

const EPSILON: f64 = 1e-5;

/// The end of each head: a layer norm, then one hidden layer beside a product of its own.
pub(super) struct Perceptron {
    norm: LayerNorm,
    inner: Linear,
    outer: Linear,
    skip: Linear,
}

impl Perceptron {
    pub(super) fn new(inputs: usize, hidden: usize, outputs: usize, weights: &Weights<'_>) -> Result<Self> {
        Ok(Self {
            norm: LayerNorm::new(inputs, EPSILON, &weights.below("norm"))?,
            inner: quantised::linear(inputs, hidden, &weights.below("inner"))?,
            outer: quantised::linear(hidden, outputs, &weights.below("outer"))?,
            skip: quantised::linear(inputs, outputs, &weights.below("skip"))?,
        })
    }

    /// (…, inputs) → (…, outputs).
    pub(super) fn forward(&self, input: &Tensor) -> Result<Tensor> {
        let input = self.norm.forward(input)?;
        let inner = Activation::Gelu.forward(&self.inner.forward(&input)?)?;
        Ok((self.outer.forward(&inner)? + self.skip.forward(&input)?)?)
    }
}
