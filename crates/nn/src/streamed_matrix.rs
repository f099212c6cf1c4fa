use std::ops::Range;

use rayon::prelude::*;

use crate::{
    Arithmetic,
    packed::{self, Epilogue, Matrix},
    weights::Rows,
};

/// Numbers in a strip; a packed strip stays in a core's second-level cache.
const STRIP: usize = 64 << 10;

/// A strip's outputs are a multiple of this, so that none of its panels is half empty.
const WHOLE_PANELS: usize = 32;

/// A weight (outputs, inputs) that stays in its file, and its bias.
///
/// Each product packs it strip by strip. A packed [`Matrix`] would need memory for all of it, which does not pay for
/// one product. The results equal those of the matrix bit by bit.
pub(crate) struct StreamedMatrix {
    /// Joined one after another.
    weights: Vec<Rows>,
    bias: Option<Vec<f32>>,
    inputs: usize,
    outputs: usize,
    arithmetic: Arithmetic,
}

/// Consecutive rows of one of the weights.
struct Strip<'a> {
    weight: &'a Rows,
    rows: Range<usize>,
    /// The output of its first row.
    first: usize,
}

impl StreamedMatrix {
    /// Weights with the same `inputs`, and a bias for all outputs.
    pub(crate) fn new(
        weights: Vec<Rows>,
        bias: Option<Vec<f32>>,
        inputs: usize,
        arithmetic: Arithmetic,
    ) -> Self {
        Self {
            outputs: weights.iter().map(Rows::count).sum(),
            weights,
            bias,
            inputs,
            arithmetic,
        }
    }

    /// Joins several with the same inputs into one with consecutive outputs.
    pub(crate) fn side_by_side(parts: &[&Self]) -> Self {
        let weights = parts.iter().flat_map(|part| part.weights.iter().cloned());
        let biases = parts.iter().map(|part| part.bias.as_deref());
        let bias: Option<Vec<&[f32]>> = biases.collect();
        Self::new(
            weights.collect(),
            bias.map(|biases| biases.concat()),
            parts[0].inputs,
            parts[0].arithmetic,
        )
    }

    pub(crate) fn outputs(&self) -> usize {
        self.outputs
    }

    /// Multiplies rows of `numbers`, (rows, inputs), by the weight, then `finish`: (rows, outputs).
    pub(crate) fn multiply(&self, numbers: &[f32], finish: Epilogue<'_>) -> Vec<f32> {
        let rows = packed::Rows::new(numbers, &self.packed(&[], None));
        let strips: Vec<Strip<'_>> = self.strips().collect();
        let products = strips.par_iter().with_max_len(1).map(|strip| {
            let addend = finish.addend.map(|addend| self.columns(addend, strip));
            let finish = Epilogue {
                addend: addend.as_deref(),
                ..finish
            };
            packed::multiply(&rows, &self.pack(strip), finish)
        });
        let products: Vec<Vec<f32>> = products.collect();
        self.joined(&strips, &products, numbers.len() / self.inputs)
    }

    fn strips(&self) -> impl Iterator<Item = Strip<'_>> {
        let height = (STRIP / self.inputs).next_multiple_of(WHOLE_PANELS);
        let mut before = 0;
        self.weights.iter().flat_map(move |weight| {
            let first = before;
            before += weight.count();
            (0..weight.count()).step_by(height).map(move |start| Strip {
                weight,
                rows: start..(start + height).min(weight.count()),
                first: first + start,
            })
        })
    }

    fn pack(&self, strip: &Strip<'_>) -> Matrix {
        let bias = self.bias.as_ref();
        let bias = bias.map(|bias| bias[strip.outputs()].to_vec());
        self.packed(&[&strip.weight.numbers(strip.rows.clone())], bias)
    }

    fn packed(&self, weights: &[&[f32]], bias: Option<Vec<f32>>) -> Matrix {
        Matrix::pack(weights, bias, self.inputs, self.arithmetic)
    }

    /// The strip's columns of `numbers`, (rows, outputs).
    fn columns(&self, numbers: &[f32], strip: &Strip<'_>) -> Vec<f32> {
        let rows = numbers.chunks_exact(self.outputs);
        rows.flat_map(|row| &row[strip.outputs()])
            .copied()
            .collect()
    }

    /// Joins the columns of all strips to (rows, outputs).
    fn joined(&self, strips: &[Strip<'_>], products: &[Vec<f32>], rows: usize) -> Vec<f32> {
        let mut joined = Vec::with_capacity(rows * self.outputs);
        for row in 0..rows {
            for (strip, product) in strips.iter().zip(products) {
                let width = strip.rows.len();
                joined.extend_from_slice(&product[row * width..][..width]);
            }
        }
        joined
    }
}

impl Strip<'_> {
    fn outputs(&self) -> Range<usize> {
        self.first..self.first + self.rows.len()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use candle_core::{Device, Tensor};
    use half::{bf16, f16};
    use safetensors::{Dtype, tensor::TensorView};

    use crate::{
        Activation, Contents, Instructions, Linear, Part, Precision, TensorLocation, Then, Weights,
        WeightsFile, WeightsFormat,
    };

    use super::*;

    fn sines(count: usize) -> impl Iterator<Item = f32> {
        (0..count).map(|number| (number as f32).sin())
    }

    /// A file with a weight (outputs, inputs) three times and `bias`, stored as `element`, that begins at any address.
    fn file(inputs: usize, outputs: usize, element: Dtype) -> Arc<Contents> {
        let numbers = sines(3 * inputs * outputs);
        let weight: Vec<u8> = match element {
            Dtype::F16 => numbers
                .flat_map(|number| f16::from_f32(number).to_le_bytes())
                .collect(),
            Dtype::BF16 => numbers
                .flat_map(|number| bf16::from_f32(number).to_le_bytes())
                .collect(),
            _ => numbers.flat_map(f32::to_le_bytes).collect(),
        };
        let bias: Vec<u8> = sines(outputs).flat_map(f32::to_le_bytes).collect();
        let view = |element, shape, bytes| TensorView::new(element, shape, bytes).unwrap();
        let tensors = [
            ("bias", view(Dtype::F32, vec![outputs], bias.as_slice())),
            (
                "weight",
                view(element, vec![3 * outputs, inputs], weight.as_slice()),
            ),
        ];
        Arc::new(Contents::from(
            safetensors::serialize(tensors, None).unwrap(),
        ))
    }

    /// Opens the second third of the weight, so that it does not begin at the file's start.
    fn open(contents: &Arc<Contents>, arithmetic: Arithmetic) -> Weights<'_> {
        let file = WeightsFile {
            path: "model.safetensors".to_owned(),
            contents,
            format: WeightsFormat::Safetensors,
            prefix: None,
        };
        let weights = Weights::open(&[file], &Device::Cpu)
            .unwrap()
            .packed_for(arithmetic);
        weights.named(|name| match name {
            "weight" => TensorLocation {
                name: name.to_owned(),
                part: Part::Third(1),
            },
            _ => TensorLocation::whole(name),
        })
    }

    fn numbers(tensor: &Tensor) -> Vec<u32> {
        let numbers = tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        numbers.into_iter().map(f32::to_bits).collect()
    }

    #[track_caller]
    fn case(inputs: usize, outputs: usize, element: Dtype, arithmetic: Arithmetic) {
        let contents = file(inputs, outputs, element);
        let packed = open(&contents, arithmetic);
        let streamed = packed.clone().streamed();
        let random = |rows, columns| crate::random::normal(0.0, 1.0, (rows, columns));
        // One input is an outlier, which int8 leaves out.
        let factors: Vec<f32> = (0..inputs)
            .map(|input| if input == 3 { 60.0 } else { 1.0 })
            .collect();
        let factors = Tensor::new(factors, &Device::Cpu).unwrap();
        let (input, add) = (
            random(5, inputs).broadcast_mul(&factors).unwrap(),
            random(5, outputs),
        );
        let then = Then {
            activation: Some(Activation::Gelu),
            add: Some(&add),
        };
        let linear = |weights: &Weights<'_>| Linear::new(inputs, outputs, weights).unwrap();
        let product = |linear: &Linear, then| numbers(&linear.forward_then(&input, then).unwrap());
        let (expected, found) = (linear(&packed), linear(&streamed));
        assert!(expected.matrix().is_some() && found.matrix().is_none());
        assert!(
            product(&expected, then) == product(&found, then),
            "{inputs} x {outputs}, {arithmetic:?}"
        );
        let leaves = |weights: &Weights<'_>| Linear::leaves(inputs, outputs, weights).unwrap();
        let pair = |weights: &Weights<'_>| {
            let pair = [leaves(weights), leaves(weights)];
            Linear::side_by_side(&[&pair[0], &pair[1]], weights)
                .unwrap()
                .unwrap()
        };
        let (expected, found) = (pair(&packed), pair(&streamed));
        assert!(
            product(&expected, Then::default()) == product(&found, Then::default()),
            "{inputs} x {outputs}, {arithmetic:?}"
        );
    }

    #[test]
    fn forms_agree_bit_by_bit() {
        // In one strip and in several, the last of which is narrower.
        for (inputs, outputs) in [(21, 13), (40, 1), (512, 300), (2048, 96)] {
            for instructions in Instructions::available() {
                for precision in Precision::ALL {
                    let arithmetic = Arithmetic {
                        precision,
                        instructions,
                    };
                    case(inputs, outputs, Dtype::F32, arithmetic);
                }
            }
        }
        for element in [Dtype::F16, Dtype::BF16] {
            case(257, 70, element, Arithmetic::default());
        }
    }
}
