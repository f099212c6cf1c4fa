use candle_core::{D, Tensor};

use crate::{Instructions, Result, Weights, kernel, packed};

/// Layer normalisation ([Ba et al. 2016](https://arxiv.org/abs/1607.06450)): every row is shifted and scaled to mean 0
/// and variance 1, then multiplied by learned weights and shifted by learned biases.
pub struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    epsilon: f64,
    instructions: Instructions,
}

impl LayerNorm {
    /// Reads `weights.weight` and `weights.bias` (width). `epsilon` is added to the variance.
    ///
    /// # Errors
    /// When a tensor is missing, or has another shape or an unreadable type.
    pub fn new(width: usize, epsilon: f64, weights: &Weights<'_>) -> Result<Self> {
        let (weight, bias) = (
            weights.tensor("weight", &[width])?,
            weights.tensor("bias", &[width])?,
        );
        Ok(Self {
            weight,
            bias,
            epsilon,
            instructions: weights.arithmetic().instructions,
        })
    }

    /// (…, width) → (…, width).
    ///
    /// # Errors
    /// When `input` has another width.
    pub fn forward(&self, input: &Tensor) -> Result<Tensor> {
        if kernel::fusible(&[input, &self.weight, &self.bias]) {
            return self.fused(input);
        }
        let centred = input.broadcast_sub(&input.mean_keepdim(D::Minus1)?)?;
        let variance = centred.sqr()?.mean_keepdim(D::Minus1)?;
        let normed = centred.broadcast_div(&(variance + self.epsilon)?.sqrt()?)?;
        Ok(normed
            .broadcast_mul(&self.weight)?
            .broadcast_add(&self.bias)?)
    }

    fn fused(&self, input: &Tensor) -> Result<Tensor> {
        let mut shape = input.dims().to_vec();
        if let Some(last) = shape.last_mut() {
            *last = self.weight.dim(0)?;
        }
        kernel::expect_shape(input, &shape)?;
        let tensors = [input, &self.weight, &self.bias];
        kernel::compute(tensors, input.shape(), |[input, weight, bias]| {
            let epsilon = self.epsilon as f32;
            packed::normalise(input, weight, bias, epsilon, self.instructions)
        })
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;

    #[test]
    fn forms_agree() {
        let mut norm = LayerNorm {
            weight: crate::random::normal(1.0, 0.3, 37),
            bias: crate::random::normal(0.0, 0.3, 37),
            epsilon: 1e-5,
            instructions: Instructions::best(),
        };
        let input = crate::random::normal(3.0, 2.0, (11, 37));
        let plain = norm
            .forward(Var::from_tensor(&input).unwrap().as_tensor())
            .unwrap();
        for instructions in Instructions::available() {
            norm.instructions = instructions;
            let fused = norm.forward(&input).unwrap();
            let off = kernel::largest_difference(&fused, &plain);
            assert!(off < 2e-6, "{instructions:?}: the forms differ by {off}");
        }
    }

    #[test]
    fn rows_of_another_width_are_refused() {
        let numbers = |count| Tensor::ones(count, candle_core::DType::F32, &Device::Cpu).unwrap();
        let norm = LayerNorm {
            weight: numbers(5),
            bias: numbers(5),
            epsilon: 1e-5,
            instructions: Instructions::best(),
        };
        let rows = |width| numbers(6 * width).reshape((6, width)).unwrap();
        assert!(norm.forward(&rows(5)).is_ok());
        assert!(norm.forward(&rows(4)).is_err());
    }
}
