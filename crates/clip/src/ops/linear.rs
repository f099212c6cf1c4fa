use candle_core::Tensor;

use super::kernel;
use crate::{Result, weights::Weights};

/// y = W x + b over the last dimension. A 1 x 1 convolution of a picture in `(…, channels)` order is the same thing.
pub(crate) struct Linear {
    /// (outputs, inputs), as the checkpoint has it.
    weight: Tensor,
    bias: Option<Tensor>,
}

impl Linear {
    /// With a bias, as `weights.weight` and `weights.bias`.
    pub(crate) fn new(inputs: usize, outputs: usize, weights: &Weights<'_>) -> Result<Self> {
        let bias = weights.tensor("bias", &[outputs])?;
        Ok(Self {
            bias: Some(bias),
            ..Self::without_bias(inputs, outputs, weights)?
        })
    }

    /// Without a bias, as `weights.weight`.
    pub(crate) fn without_bias(
        inputs: usize,
        outputs: usize,
        weights: &Weights<'_>,
    ) -> Result<Self> {
        Ok(Self {
            weight: weights.tensor("weight", &[outputs, inputs])?,
            bias: None,
        })
    }

    /// From a weight of (outputs, inputs) and a bias of (outputs).
    pub(crate) fn from_tensors(weight: Tensor, bias: Option<Tensor>) -> Self {
        Self { weight, bias }
    }

    /// Several of them with the same input, as one whose outputs follow one another.
    pub(crate) fn side_by_side(parts: &[Self]) -> Result<Self> {
        let weights: Vec<&Tensor> = parts.iter().map(|part| &part.weight).collect();
        let biases: Option<Vec<&Tensor>> = parts.iter().map(|part| part.bias.as_ref()).collect();
        let bias = biases.map(|biases| Tensor::cat(&biases, 0)).transpose()?;
        Ok(Self {
            weight: Tensor::cat(&weights, 0)?,
            bias,
        })
    }

    /// (…, inputs) → (…, outputs).
    pub(crate) fn forward(&self, input: &Tensor) -> Result<Tensor> {
        let (outputs, inputs) = self.weight.dims2()?;
        let mut shape = input.dims().to_vec();
        // One product over all rows, however they are arranged.
        let rows = input.reshape(((), inputs))?;
        let product = rows.matmul(&self.weight.t()?)?;
        if let Some(last) = shape.last_mut() {
            *last = outputs;
        }
        Ok(self.add_bias(&product)?.reshape(shape)?)
    }

    fn add_bias(&self, product: &Tensor) -> Result<Tensor> {
        let Some(bias) = &self.bias else {
            return Ok(product.clone());
        };
        if kernel::fusible(&[product, bias]) {
            return kernel::compute([product, bias], product.shape(), |[product, bias]| {
                let mut output = product.to_vec();
                kernel::for_each_row(&mut output, bias.len(), |_, row| {
                    row.iter_mut()
                        .zip(bias)
                        .for_each(|(number, bias)| *number += bias);
                });
                output
            });
        }
        Ok(product.broadcast_add(bias)?)
    }
}
