use candle_core::Tensor;

use super::kernel::{self, Matrix, Threads, add_product};
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
        // One product over all rows, however they are arranged.
        let rows = input.reshape(((), inputs))?;
        let mut shape = input.dims().to_vec();
        if let Some(last) = shape.last_mut() {
            *last = outputs;
        }
        let output = if self.fusible(&rows) {
            self.fused(&rows)?
        } else {
            self.plain(&rows)?
        };
        Ok(output.reshape(shape)?)
    }

    fn plain(&self, rows: &Tensor) -> Result<Tensor> {
        let product = rows.matmul(&self.weight.t()?)?;
        match &self.bias {
            Some(bias) => Ok(product.broadcast_add(bias)?),
            None => Ok(product),
        }
    }

    fn fusible(&self, rows: &Tensor) -> bool {
        let bias = self.bias.as_ref();
        kernel::fusible(&[rows, &self.weight]) && bias.is_none_or(|bias| kernel::fusible(&[bias]))
    }

    /// Adds the product to rows that begin as the bias.
    fn fused(&self, rows: &Tensor) -> Result<Tensor> {
        let (outputs, inputs) = self.weight.dims2()?;
        let count = rows.dim(0)?;
        let add_to = |mut output: Vec<f32>, rows: &[f32], weight: &[f32]| {
            let rows = Matrix::packed(rows, count, inputs);
            let weight = Matrix::packed(weight, outputs, inputs);
            add_product(&mut output, 1.0, rows, weight.transposed(), Threads::All);
            output
        };
        match &self.bias {
            Some(bias) => kernel::compute(
                [rows, &self.weight, bias],
                (count, outputs),
                |[rows, weight, bias]| add_to(bias.repeat(count), rows, weight),
            ),
            None => kernel::compute([rows, &self.weight], (count, outputs), |[rows, weight]| {
                add_to(vec![0.0; count * outputs], rows, weight)
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;

    #[test]
    fn forms_agree() {
        let random = |shape: &[usize]| Tensor::randn(0.0_f32, 1.0, shape, &Device::Cpu).unwrap();
        for bias in [None, Some(random(&[13]))] {
            let linear = Linear::from_tensors(random(&[13, 21]), bias);
            let input = random(&[2, 5, 21]);
            let fused = linear.forward(&input).unwrap();
            let plain = linear
                .forward(Var::from_tensor(&input).unwrap().as_tensor())
                .unwrap();
            assert_eq!(fused.dims(), [2, 5, 13]);
            let off = (fused - plain).unwrap().abs().unwrap().max_all().unwrap();
            assert!(
                off.to_scalar::<f32>().unwrap() < 1e-5,
                "the forms differ by {off}"
            );
        }
    }
}
