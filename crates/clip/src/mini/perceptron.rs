use candle_core::Tensor;
use nn::{Activation, Linear, Result, Then, Weights};

use super::quantised;

/// The end of each head: features standardised as in training, then one hidden layer.
pub(super) struct Perceptron {
    scale: Tensor,
    shift: Tensor,
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
            scale: weights.tensor("scale", &[inputs])?,
            shift: weights.tensor("shift", &[inputs])?,
            inner: quantised::linear(inputs, hidden, &weights.below("inner"))?,
            outer: quantised::linear(hidden, outputs, &weights.below("outer"))?,
        })
    }

    /// (…, inputs) → (…, outputs).
    pub(super) fn forward(&self, input: &Tensor) -> Result<Tensor> {
        let scaled = input
            .broadcast_mul(&self.scale)?
            .broadcast_add(&self.shift)?;
        let inner = self
            .inner
            .forward_then(&scaled, Then::activating(Activation::Gelu))?;
        self.outer.forward(&inner)
    }
}
