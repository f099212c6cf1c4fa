use candle_core::Tensor;

use crate::{
    Activation, Result, Weights, kernel,
    packed::{self, Epilogue, Matrix, Rows},
    streamed_matrix::StreamedMatrix,
};

/// y = W x + b over the last dimension. On a picture in `(…, channels)` order, it is a 1 x 1 convolution.
pub struct Linear {
    weight: Weight,
    inputs: usize,
    outputs: usize,
}

/// Only one of these, so that no copy of a weight can be out of date.
enum Weight {
    /// The tensors of the checkpoint, on any device: weight (outputs, inputs) and bias (outputs). Trainable.
    Leaves(Tensor, Option<Tensor>),
    /// Packed for this processor, for inference only.
    Packed(Box<Matrix>),
    /// In the file.
    Streamed(Box<StreamedMatrix>),
}

/// Operations after the product, in this order.
#[derive(Clone, Copy, Default)]
pub struct Then<'a> {
    /// Applied to each output.
    pub activation: Option<Activation>,
    /// A tensor of the result's shape to add.
    pub add: Option<&'a Tensor>,
}

impl<'a> Then<'a> {
    /// Adds `add`.
    pub fn adding(add: &'a Tensor) -> Self {
        Self {
            activation: None,
            add: Some(add),
        }
    }

    /// Applies `activation` to each output.
    pub fn activating(activation: Activation) -> Self {
        Self {
            activation: Some(activation),
            add: None,
        }
    }
}

impl Linear {
    /// Reads `weights.weight` (outputs, inputs) and `weights.bias` (outputs).
    ///
    /// # Errors
    /// When a tensor is missing, or has another shape or an unreadable type.
    pub fn new(inputs: usize, outputs: usize, weights: &Weights<'_>) -> Result<Self> {
        Self::leaves(inputs, outputs, weights)?.packed(weights)
    }

    /// Reads `weights.weight` (outputs, inputs); there is no bias.
    ///
    /// # Errors
    /// When a tensor is missing, or has another shape or an unreadable type.
    pub fn without_bias(inputs: usize, outputs: usize, weights: &Weights<'_>) -> Result<Self> {
        Self::leaves_with(inputs, outputs, weights, None)?.packed(weights)
    }

    /// Like [`new`](Self::new), but never [packed](Self::packed), for an operation that packs it later.
    ///
    /// # Errors
    /// When a tensor is missing, or has another shape or an unreadable type.
    pub fn leaves(inputs: usize, outputs: usize, weights: &Weights<'_>) -> Result<Self> {
        let bias = weights.tensor("bias", &[outputs])?;
        Self::leaves_with(inputs, outputs, weights, Some(bias))
    }

    fn leaves_with(
        inputs: usize,
        outputs: usize,
        weights: &Weights<'_>,
        bias: Option<Tensor>,
    ) -> Result<Self> {
        let rows = if weights.are_streamed() && inputs > 0 {
            weights.rows("weight", [outputs, inputs])?
        } else {
            None
        };
        let Some(rows) = rows else {
            return Self::from_tensors(weights.tensor("weight", &[outputs, inputs])?, bias);
        };
        rows.will_be_needed();
        let bias = bias.map(|bias| bias.to_vec1()).transpose()?;
        let matrix = StreamedMatrix::new(vec![rows], bias, inputs, weights.arithmetic());
        Ok(Self::of_streamed(matrix, inputs))
    }

    fn of_streamed(matrix: StreamedMatrix, inputs: usize) -> Self {
        Self {
            inputs,
            outputs: matrix.outputs(),
            weight: Weight::Streamed(Box::new(matrix)),
        }
    }

    /// Creates it from a weight (outputs, inputs) and a bias (outputs).
    ///
    /// # Errors
    /// When the weight does not have two dimensions.
    pub fn from_tensors(weight: Tensor, bias: Option<Tensor>) -> Result<Self> {
        let (outputs, inputs) = weight.dims2()?;
        Ok(Self {
            weight: Weight::Leaves(weight, bias),
            inputs,
            outputs,
        })
    }

    /// Packs the weights for this processor, in the precision of `weights`.
    ///
    /// Trainable weights and those on another device stay as they are.
    ///
    /// # Errors
    /// When the arithmetic fails.
    pub fn packed(self, weights: &Weights<'_>) -> Result<Self> {
        Self::side_by_side(&[&self], weights).map(|packed| packed.unwrap_or(self))
    }

    /// Joins layers with the same input into one with consecutive outputs; `None` when they must stay leaves.
    pub(crate) fn side_by_side(parts: &[&Self], weights: &Weights<'_>) -> Result<Option<Self>> {
        if !weights.are_packed() || parts.iter().any(|part| part.inputs == 0) {
            return Ok(None);
        }
        if let Some(matrices) = parts
            .iter()
            .map(|part| part.streamed())
            .collect::<Option<Vec<_>>>()
        {
            let matrix = StreamedMatrix::side_by_side(&matrices);
            return Ok(Some(Self::of_streamed(matrix, parts[0].inputs)));
        }
        let mut leaves = Vec::with_capacity(parts.len());
        for part in parts {
            match &part.weight {
                Weight::Leaves(weight, bias) if is_packable(weight, bias.as_ref()) => {
                    leaves.push((weight, bias.as_ref()));
                }
                _ => return Ok(None),
            }
        }
        let bias: Option<Vec<&Tensor>> = leaves.iter().map(|(_, bias)| *bias).collect();
        let bias = bias.map(|biases| Tensor::cat(&biases, 0)?.to_vec1());
        let inputs = parts.first().map_or(0, |part| part.inputs);
        let tensors: Vec<&Tensor> = leaves.iter().map(|(weight, _)| *weight).collect();
        let (bias, arithmetic) = (bias.transpose()?, weights.arithmetic());
        let matrix = kernel::with_numbers(&tensors, |weights| {
            Matrix::pack(weights, bias, inputs, arithmetic)
        })?;
        Ok(Some(Self {
            outputs: matrix.outputs(),
            weight: Weight::Packed(Box::new(matrix)),
            inputs,
        }))
    }

    pub(crate) fn inputs(&self) -> usize {
        self.inputs
    }

    pub(crate) fn outputs(&self) -> usize {
        self.outputs
    }

    /// The packed weights; `None` for leaves and streamed weights.
    pub(crate) fn matrix(&self) -> Option<&Matrix> {
        match &self.weight {
            Weight::Packed(matrix) => Some(matrix),
            _ => None,
        }
    }

    fn streamed(&self) -> Option<&StreamedMatrix> {
        match &self.weight {
            Weight::Streamed(matrix) => Some(matrix),
            _ => None,
        }
    }

    /// (…, inputs) → (…, outputs).
    ///
    /// # Errors
    /// When `input` has another last dimension.
    pub fn forward(&self, input: &Tensor) -> Result<Tensor> {
        self.forward_then(input, Then::default())
    }

    /// Multiplies the same `input` by several layers: each (rows, inputs) → (rows, outputs).
    pub(crate) fn forward_all<const N: usize>(
        all: [&Self; N],
        input: &Tensor,
    ) -> Result<[Tensor; N]> {
        let mut outputs = Vec::with_capacity(N);
        let matrices = all.map(Self::matrix);
        let shared = match matrices.first() {
            Some(Some(first)) if kernel::fusible(&[input]) => {
                Some(kernel::with_numbers(&[input], |numbers| {
                    Rows::new(numbers[0], first).into_owned()
                })?)
            }
            _ => None,
        };
        for (linear, matrix) in all.into_iter().zip(matrices) {
            outputs.push(match (&shared, matrix) {
                (Some(rows), Some(matrix)) => {
                    kernel::compute([], (input.dim(0)?, linear.outputs), |[]| {
                        packed::multiply(rows, matrix, Epilogue::NOTHING)
                    })?
                }
                _ => linear.forward(input)?,
            });
        }
        Ok(outputs.try_into().expect("one output for each"))
    }

    /// (…, inputs) → (…, outputs), then `then`.
    ///
    /// # Errors
    /// When `input` has another last dimension, or the added tensor another shape.
    pub fn forward_then(&self, input: &Tensor, then: Then<'_>) -> Result<Tensor> {
        // One product over all rows of all dimensions.
        let rows = input.reshape(((), self.inputs))?;
        let mut shape = input.dims().to_vec();
        if let Some(last) = shape.last_mut() {
            *last = self.outputs;
        }
        let add = then.add.map(|add| add.reshape(((), self.outputs)));
        let add = add.transpose()?;
        let output = match &self.weight {
            Weight::Packed(matrix) => {
                let multiply = |rows: &[f32], finish: Epilogue<'_>| {
                    packed::multiply(&Rows::new(rows, matrix), matrix, finish)
                };
                fused(self.outputs, &rows, then.activation, add.as_ref(), multiply)?
            }
            Weight::Streamed(matrix) => {
                let multiply = |rows: &[f32], finish: Epilogue<'_>| matrix.multiply(rows, finish);
                fused(self.outputs, &rows, then.activation, add.as_ref(), multiply)?
            }
            Weight::Leaves(weight, bias) => {
                let product = rows.matmul(&weight.t()?)?;
                let sum = match bias {
                    Some(bias) => product.broadcast_add(bias)?,
                    None => product,
                };
                let activated = match then.activation {
                    Some(activation) => activation.forward(&sum)?,
                    None => sum,
                };
                match add {
                    Some(add) => (activated + add)?,
                    None => activated,
                }
            }
        };
        Ok(output.reshape(shape)?)
    }
}

fn is_packable(weight: &Tensor, bias: Option<&Tensor>) -> bool {
    kernel::fusible(&[weight]) && bias.is_none_or(|bias| kernel::fusible(&[bias]))
}

fn fused(
    outputs: usize,
    rows: &Tensor,
    activation: Option<Activation>,
    add: Option<&Tensor>,
    multiply: impl Fn(&[f32], Epilogue<'_>) -> Vec<f32>,
) -> Result<Tensor> {
    let shape = (rows.dim(0)?, outputs);
    let rows = rows.contiguous()?;

    let add = add.map(Tensor::contiguous).transpose()?;
    let multiply =
        |rows: &[f32], addend: Option<&[f32]>| multiply(rows, Epilogue { activation, addend });
    match &add {
        Some(add) => kernel::compute([&rows, add], shape, |[rows, add]| multiply(rows, Some(add))),
        None => kernel::compute([&rows], shape, |[rows]| multiply(rows, None)),
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;
    use crate::{Arithmetic, Instructions, Precision};

    fn random(shape: &[usize]) -> Tensor {
        crate::random::normal(0.0, 1.0, shape)
    }

    /// Compares the packed form with the leaves, for every precision and instruction set. Returns the largest
    /// difference relative to the largest result.
    fn difference(inputs: usize, outputs: usize, arithmetic: Arithmetic, then: Then<'_>) -> f32 {
        let leaves = || {
            let bias = (outputs != 40)
                .then(|| Tensor::ones(outputs, candle_core::DType::F32, &Device::Cpu));
            let numbers: Vec<u32> = (0..(outputs * inputs) as u32).collect();
            let weight = Tensor::new(numbers, &Device::Cpu).unwrap();
            let weight = weight
                .to_dtype(candle_core::DType::F32)
                .unwrap()
                .sin()
                .unwrap();
            let weight = weight.reshape((outputs, inputs)).unwrap();
            Linear::from_tensors(weight, bias.transpose().unwrap()).unwrap()
        };
        let packed = leaves()
            .packed(&Weights::none().packed_for(arithmetic))
            .unwrap();
        let input = random(&[2, 5, inputs]);
        let fused = packed.forward_then(&input, then).unwrap();
        let variable = Var::from_tensor(&input).unwrap();
        let plain = leaves().forward_then(variable.as_tensor(), then).unwrap();
        assert_eq!(fused.dims(), [2, 5, outputs]);
        assert!(
            packed.forward(variable.as_tensor()).is_err(),
            "a gradient would be lost"
        );
        let largest = plain
            .abs()
            .unwrap()
            .max_all()
            .unwrap()
            .to_scalar::<f32>()
            .unwrap();
        kernel::largest_difference(&fused, &plain) / largest
    }

    #[test]
    fn forms_agree() {
        for (inputs, outputs) in [(21, 13), (17, 17), (40, 1), (1, 40), (257, 70), (256, 32)] {
            let add = random(&[2, 5, outputs]);
            let thens = [
                Then::default(),
                Then::adding(&add),
                Then::activating(Activation::Relu),
                Then {
                    activation: Some(Activation::Gelu),
                    add: Some(&add),
                },
            ];
            for instructions in Instructions::available() {
                for (precision, limit) in [
                    (Precision::F32, 1e-5),
                    (Precision::Bf16, 0.02),
                    (Precision::Int8, 0.05),
                ] {
                    for then in thens {
                        let arithmetic = Arithmetic {
                            precision,
                            instructions,
                        };
                        let off = difference(inputs, outputs, arithmetic, then);
                        assert!(off < limit, "{inputs} x {outputs}, {arithmetic:?}: {off}");
                    }
                }
            }
        }
    }

    /// As in trained transformers, a few inputs are 20 to 60 times as large as the others.
    #[test]
    fn inputs_that_stand_out_do_not_spoil_int8() {
        let (rows, inputs, outputs) = (50, 768, 96);
        let mut factors = vec![1.0_f32; inputs];
        for (place, factor) in [(3, 20.0), (100, 60.0), (512, 35.0), (767, 45.0)] {
            factors[place] = factor;
        }
        let factors = Tensor::new(factors, &Device::Cpu).unwrap();
        let input = random(&[rows, inputs]).broadcast_mul(&factors).unwrap();
        let weight = (random(&[outputs, inputs]) * 0.03).unwrap();
        let exact = input.matmul(&weight.t().unwrap()).unwrap();
        for instructions in Instructions::available() {
            let arithmetic = Arithmetic {
                precision: Precision::Int8,
                instructions,
            };
            let weights = Weights::none().packed_for(arithmetic);
            let linear = Linear::from_tensors(weight.clone(), None).unwrap();
            let found = linear.packed(&weights).unwrap().forward(&input).unwrap();
            let number =
                |tensor: Tensor| f64::from(tensor.sum_all().unwrap().to_scalar::<f32>().unwrap());
            let product = number((&exact * &found).unwrap());
            let lengths = number(exact.sqr().unwrap()) * number(found.sqr().unwrap());
            let cosine = product / lengths.sqrt();
            // 0.99997 with the outliers' weights as bytes.
            assert!(cosine > 0.99998, "{instructions:?}: {cosine}");
        }
    }
}
