use candle_core::Tensor;

use crate::{
    Activation, Linear, Result, Then, kernel,
    packed::{self, Epilogue},
};

/// A multilayer perceptron with one hidden layer: a product, an activation and a second product.
pub struct Perceptron {
    inner: Linear,
    activation: Activation,
    outer: Linear,
}

impl Perceptron {
    /// Creates it from its two products and the activation in between.
    ///
    /// # Panics
    /// When `outer` has another number of inputs than `inner` has outputs.
    pub fn new(inner: Linear, activation: Activation, outer: Linear) -> Self {
        assert_eq!(inner.outputs(), outer.inputs(), "the products go together");
        Self {
            inner,
            activation,
            outer,
        }
    }

    /// (…, inputs) → (…, outputs), then `then`.
    ///
    /// # Errors
    /// When `input` has another last dimension, or the added tensor another shape.
    pub fn forward(&self, input: &Tensor, then: Then<'_>) -> Result<Tensor> {
        if let (Some(inner), Some(outer)) = (self.inner.matrix(), self.outer.matrix()) {
            let rows = input.reshape(((), inner.inputs()))?.contiguous()?;
            let shape = (rows.dim(0)?, outer.outputs());
            let add = then.add.map(|add| add.reshape(shape)?.contiguous());
            let add = add.transpose()?;
            let multiply = |rows: &[f32], addend: Option<&[f32]>| {
                let finish = Epilogue {
                    activation: then.activation,
                    addend,
                };
                packed::multiply_twice(rows, inner, self.activation, outer, finish)
            };
            let output = match &add {
                Some(add) => {
                    kernel::compute([&rows, add], shape, |[rows, add]| multiply(rows, Some(add)))
                }
                None => kernel::compute([&rows], shape, |[rows]| multiply(rows, None)),
            }?;
            let mut shape = input.dims().to_vec();
            if let Some(last) = shape.last_mut() {
                *last = outer.outputs();
            }
            return Ok(output.reshape(shape)?);
        }
        let activated = Then::activating(self.activation);
        let inner = self.inner.forward_then(input, activated)?;
        self.outer.forward_then(&inner, then)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Var;

    use super::*;
    use crate::Weights;

    #[test]
    fn forms_agree() {
        let random = |shape: &[usize]| crate::random::normal(0.0, 1.0, shape);
        let weights = Weights::none();
        for (rows, width, inner) in [(3, 20, 40), (250, 33, 17)] {
            let tensors = [
                random(&[inner, width]),
                random(&[inner]),
                random(&[width, inner]),
                random(&[width]),
            ];
            let linear = |first: usize| {
                let bias = Some(tensors[first + 1].clone());
                Linear::from_tensors(tensors[first].clone(), bias).unwrap()
            };
            let packed = |first| linear(first).packed(&weights).unwrap();
            let leaves = Perceptron::new(linear(0), Activation::Gelu, linear(2));
            let packed = Perceptron::new(packed(0), Activation::Gelu, packed(2));
            let (input, add) = (random(&[1, rows, width]), random(&[1, rows, width]));
            let fused = packed.forward(&input, Then::adding(&add)).unwrap();
            let variable = Var::from_tensor(&input).unwrap();
            let plain = leaves.forward(variable.as_tensor(), Then::adding(&add));
            let off = kernel::largest_difference(&fused, &plain.unwrap());
            assert!(off < 1e-4, "the forms differ by {off}");
        }
    }
}
