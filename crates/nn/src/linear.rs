use candle_core::Tensor;

use crate::{
    Result, Weights,
    kernel::{self, Matrix, Threads, add_product},
};

/// y = W x + b over the last dimension. A 1 x 1 convolution of a picture in `(…, channels)` order is the same thing.
pub struct Linear {
    /// (outputs, inputs), with the rows or, when [`turned`](Self::turned), the columns one after another.
    weight: Tensor,
    bias: Option<Tensor>,
}

impl Linear {
    /// With a bias, as `weights.weight` (outputs, inputs) and `weights.bias` (outputs).
    ///
    /// # Errors
    /// When a tensor is missing, or has another shape or an unreadable type.
    pub fn new(inputs: usize, outputs: usize, weights: &Weights<'_>) -> Result<Self> {
        Self::saved(inputs, outputs, weights)?.turned()
    }

    /// Without a bias, as `weights.weight` (outputs, inputs).
    ///
    /// # Errors
    /// When a tensor is missing, or has another shape or an unreadable type.
    pub fn without_bias(inputs: usize, outputs: usize, weights: &Weights<'_>) -> Result<Self> {
        Self::from_tensors(weights.tensor("weight", &[outputs, inputs])?, None).turned()
    }

    /// As [`new`](Self::new), but not [`turned`](Self::turned) yet, to be put together with others.
    ///
    /// # Errors
    /// When a tensor is missing, or has another shape or an unreadable type.
    pub fn saved(inputs: usize, outputs: usize, weights: &Weights<'_>) -> Result<Self> {
        let bias = weights.tensor("bias", &[outputs])?;
        Ok(Self::from_tensors(
            weights.tensor("weight", &[outputs, inputs])?,
            Some(bias),
        ))
    }

    /// From a weight of (outputs, inputs) and a bias of (outputs).
    pub fn from_tensors(weight: Tensor, bias: Option<Tensor>) -> Self {
        Self { weight, bias }
    }

    /// Several of them with the same input, as one whose outputs follow one another.
    pub(crate) fn side_by_side(parts: &[Self]) -> Result<Self> {
        let weights: Vec<&Tensor> = parts.iter().map(|part| &part.weight).collect();
        let biases: Option<Vec<&Tensor>> = parts.iter().map(|part| part.bias.as_ref()).collect();
        let bias = biases.map(|biases| Tensor::cat(&biases, 0)).transpose()?;
        Ok(Self::from_tensors(Tensor::cat(&weights, 0)?, bias))
    }

    /// The same with the weight laid out by columns, in which a product of few rows reads it up to four times as
    /// fast. A weight that is being trained stays as it is.
    ///
    /// # Errors
    /// When the arithmetic fails.
    pub fn turned(self) -> Result<Self> {
        if !kernel::fusible(&[&self.weight]) {
            return Ok(self);
        }
        let (outputs, inputs) = self.weight.dims2()?;
        let turned = kernel::compute([&self.weight], (inputs, outputs), |[weight]| {
            kernel::transpose(weight, inputs)
        })?;
        Ok(Self {
            weight: turned.t()?,
            bias: self.bias,
        })
    }

    /// (…, inputs) → (…, outputs).
    ///
    /// # Errors
    /// When the last dimension of `input` is not `inputs`.
    pub fn forward(&self, input: &Tensor) -> Result<Tensor> {
        let (outputs, inputs) = self.weight.dims2()?;
        // One product over all rows, however they are arranged.
        let rows = input.reshape(((), inputs))?;
        let mut shape = input.dims().to_vec();
        if let Some(last) = shape.last_mut() {
            *last = outputs;
        }
        let output = match self.fusible(&rows)? {
            true => self.fused(&rows)?,
            false => self.plain(&rows)?,
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

    fn fusible(&self, rows: &Tensor) -> Result<bool> {
        let bias = self.bias.as_ref();
        let bias = bias.is_none_or(|bias| kernel::fusible(&[bias]));
        Ok(bias && kernel::fusible(&[rows, &self.lying()?]))
    }

    /// Whether the weight lies by columns.
    fn is_turned(&self) -> bool {
        !self.weight.is_contiguous()
    }

    /// The weight in the direction in which it lies.
    fn lying(&self) -> Result<Tensor> {
        Ok(if self.is_turned() {
            self.weight.t()?
        } else {
            self.weight.clone()
        })
    }

    /// Adds the product to rows that begin as the bias.
    fn fused(&self, rows: &Tensor) -> Result<Tensor> {
        let (outputs, inputs) = self.weight.dims2()?;
        let (count, weight) = (rows.dim(0)?, &self.lying()?);
        let add_to = |mut output: Vec<f32>, rows: &[f32], weight: &[f32]| {
            let weight = match self.is_turned() {
                true => Matrix::packed(weight, inputs, outputs),
                false => Matrix::packed(weight, outputs, inputs).transposed(),
            };
            let rows = Matrix::packed(rows, count, inputs);
            add_product(&mut output, 1.0, rows, weight, Threads::All);
            output
        };
        let shape = (count, outputs);
        match &self.bias {
            Some(bias) => kernel::compute([rows, weight, bias], shape, |[rows, weight, bias]| {
                add_to(bias.repeat(count), rows, weight)
            }),
            None => kernel::compute([rows, weight], shape, |[rows, weight]| {
                add_to(vec![0.0; count * outputs], rows, weight)
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;

    #[track_caller]
    fn case(inputs: usize, outputs: usize, with_bias: bool, turned: bool) {
        let random = |shape: &[usize]| Tensor::randn(0.0_f32, 1.0, shape, &Device::Cpu).unwrap();
        let bias = with_bias.then(|| random(&[outputs]));
        let linear = Linear::from_tensors(random(&[outputs, inputs]), bias);
        let linear = if turned {
            linear.turned().unwrap()
        } else {
            linear
        };
        let input = random(&[2, 5, inputs]);
        let fused = linear.forward(&input).unwrap();
        let plain = linear
            .forward(Var::from_tensor(&input).unwrap().as_tensor())
            .unwrap();
        assert_eq!(fused.dims(), [2, 5, outputs]);
        let off = (fused - plain).unwrap().abs().unwrap().max_all().unwrap();
        let off = off.to_scalar::<f32>().unwrap();
        assert!(off < 1e-5, "the forms differ by {off}");
    }

    #[test]
    fn forms_agree() {
        for (inputs, outputs) in [(21, 13), (17, 17), (40, 1), (1, 40)] {
            case(inputs, outputs, false, false);
            case(inputs, outputs, true, false);
            case(inputs, outputs, true, true);
        }
    }
}
