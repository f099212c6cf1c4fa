use candle_core::Tensor;

use crate::{
    Result,
    ops::{Linear, kernel},
    weights::Weights,
};

use super::quantised;

/// A 1 x 1 convolution: one product over the channels of every pixel, and what follows it in the same pass.
pub(super) struct PointwiseConvolution {
    product: Linear,
    bias: Tensor,
}

impl PointwiseConvolution {
    /// As `weights.weight` and `weights.scale`, of int8, and `weights.bias`.
    pub(super) fn new(inputs: usize, outputs: usize, weights: &Weights<'_>) -> Result<Self> {
        Self::with_matrix(quantised::matrix(inputs, outputs, weights)?, weights)
    }

    /// As `weights.weight`, of floating-point numbers, and `weights.bias`.
    pub(super) fn float(inputs: usize, outputs: usize, weights: &Weights<'_>) -> Result<Self> {
        Self::with_matrix(weights.tensor("weight", &[outputs, inputs])?, weights)
    }

    fn with_matrix(matrix: Tensor, weights: &Weights<'_>) -> Result<Self> {
        let bias = weights.tensor("bias", &[matrix.dim(0)?])?;
        Ok(Self {
            product: Linear::from_tensors(matrix, None),
            bias,
        })
    }

    /// (…, inputs) → (…, outputs).
    pub(super) fn forward(&self, input: &Tensor) -> Result<Tensor> {
        Ok(self.product.forward(input)?.broadcast_add(&self.bias)?)
    }

    /// Then ReLU6: 0 below 0, 6 above 6.
    pub(super) fn forward_relu6(&self, input: &Tensor) -> Result<Tensor> {
        let product = self.product.forward(input)?;
        if !kernel::fusible(&[&product, &self.bias]) {
            return Ok(product.broadcast_add(&self.bias)?.clamp(0.0, 6.0)?);
        }
        kernel::compute(
            [&product, &self.bias],
            product.shape(),
            |[product, bias]| {
                let mut output = product.to_vec();
                kernel::for_each_row(&mut output, bias.len(), |_, row| {
                    row.iter_mut()
                        .zip(bias)
                        .for_each(|(number, bias)| *number = (*number + bias).max(0.0).min(6.0));
                });
                output
            },
        )
    }
}
