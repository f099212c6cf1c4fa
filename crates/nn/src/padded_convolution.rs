use candle_core::Tensor;
use rayon::prelude::*;

use crate::{
    Result,
    kernel::{self, Matrix, Threads, add_product},
};

/// Numbers in a block of unfolded pixels, which stays in a core's cache until its product is done.
const BLOCK: usize = 128 << 10;
/// The fewest rows in a block: each block reads all weights again.
const FEWEST_ROWS: usize = 128;

/// A convolution with square kernels of odd size over pictures in `(…, channels)` order, padded with zeros so that
/// stride 1 keeps the size.
///
/// Pixels under the kernel are unfolded into a row for every output ("im2col"), and one product follows. The fused
/// form unfolds, multiplies and finishes blocks of rows that fit in the cache.
pub struct PaddedConvolution {
    /// (size · size · inputs, outputs)
    weight: Tensor,
    bias: Tensor,
    size: usize,
    stride: usize,
}

/// The operation after a convolution.
#[derive(Clone, Copy)]
pub enum Finish<'a> {
    /// None.
    Nothing,
    /// ReLU.
    Relu,
    /// Adds another picture of the same shape, then applies ReLU.
    AddRelu(&'a Tensor),
}

impl PaddedConvolution {
    /// Creates it from weights (outputs, inputs, size, size) with an odd `size`, and a bias (outputs). `stride` is
    /// above 0.
    ///
    /// # Errors
    /// When `weight` has another shape.
    pub fn from_tensors(weight: &Tensor, bias: Tensor, stride: usize) -> Result<Self> {
        let (outputs, inputs, size, _) = weight.dims4()?;
        let weight = weight
            .permute((2, 3, 1, 0))?
            .contiguous()?
            .reshape((size * size * inputs, outputs))?;
        Ok(Self {
            weight,
            bias,
            size,
            stride,
        })
    }

    /// (batch, height, width, inputs) → (batch, height / stride, width / stride, outputs), rounded up.
    ///
    /// # Errors
    /// When `input`, or the other picture of `finish`, has another shape.
    pub fn forward(&self, input: &Tensor, finish: Finish<'_>) -> Result<Tensor> {
        let mut tensors = vec![input, &self.weight, &self.bias];
        if let Finish::AddRelu(other) = finish {
            tensors.push(other);
        }
        if kernel::fusible(&tensors) {
            self.fused(input, finish)
        } else {
            self.plain(input, finish)
        }
    }

    fn plain(&self, input: &Tensor, finish: Finish<'_>) -> Result<Tensor> {
        let (inputs, outputs) = (input.dim(3)?, self.bias.dim(0)?);
        let weight = self
            .weight
            .reshape((self.size, self.size, inputs, outputs))?
            .permute((3, 2, 0, 1))?
            .contiguous()?;
        let output = input
            .permute((0, 3, 1, 2))?
            .contiguous()?
            .conv2d(&weight, self.size / 2, self.stride, 1, 1)?
            .permute((0, 2, 3, 1))?
            .broadcast_add(&self.bias)?;
        Ok(match finish {
            Finish::Nothing => output.contiguous()?,
            Finish::Relu => output.relu()?,
            Finish::AddRelu(other) => (output + other)?.relu()?,
        })
    }

    fn fused(&self, input: &Tensor, finish: Finish<'_>) -> Result<Tensor> {
        let (batch, height, width, inputs) = input.dims4()?;
        let pixels = Pixels {
            height,
            width,
            channels: inputs,
            size: self.size,
            stride: self.stride,
        };
        let shape = (batch, pixels.rows(), pixels.columns(), self.bias.dim(0)?);
        match finish {
            Finish::AddRelu(other) => kernel::compute(
                [input, &self.weight, &self.bias, other],
                shape,
                |[input, weight, bias, other]| {
                    let mut output = other.to_vec();
                    let begin = |row: &mut [f32]| {
                        for (number, bias) in row.iter_mut().zip(bias) {
                            *number += bias;
                        }
                    };
                    pixels.convolve(&mut output, input, weight, bias.len(), begin, true);
                    output
                },
            ),
            Finish::Nothing | Finish::Relu => kernel::compute(
                [input, &self.weight, &self.bias],
                shape,
                |[input, weight, bias]| {
                    let rows = batch * pixels.rows() * pixels.columns();
                    let mut output = vec![0.0; rows * bias.len()];
                    let begin = |row: &mut [f32]| row.copy_from_slice(bias);
                    let relu = matches!(finish, Finish::Relu);
                    pixels.convolve(&mut output, input, weight, bias.len(), begin, relu);
                    output
                },
            ),
        }
    }
}

/// A picture and the kernel over it.
#[derive(Clone, Copy)]
struct Pixels {
    height: usize,
    width: usize,
    channels: usize,
    /// The kernel's size in both directions.
    size: usize,
    stride: usize,
}

impl Pixels {
    /// Rows of outputs.
    fn rows(&self) -> usize {
        self.height.div_ceil(self.stride)
    }

    /// Outputs in a row.
    fn columns(&self) -> usize {
        self.width.div_ceil(self.stride)
    }

    /// Numbers that an output depends on.
    fn seen(&self) -> usize {
        self.size * self.size * self.channels
    }

    /// Adds the convolution to the values that `begin` writes into each row of `outputs` numbers.
    fn convolve(
        &self,
        output: &mut [f32],
        input: &[f32],
        weight: &[f32],
        outputs: usize,
        begin: impl Fn(&mut [f32]) + Sync,
        relu: bool,
    ) {
        let block = Block {
            pixels: self,
            input,
            weight: Matrix::packed(weight, self.seen(), outputs),
            relu,
        };
        let rows = output.len() / outputs;
        let at_once = (BLOCK / self.seen()).max(FEWEST_ROWS);
        if rows < at_once * rayon::current_num_threads() {
            block.convolve(output, 0, &begin, Threads::All);
            return;
        }
        let blocks = output.par_chunks_mut(at_once * outputs).enumerate();
        blocks.for_each(|(index, output)| {
            block.convolve(output, index * at_once, &begin, Threads::One);
        });
    }

    /// Copies the inputs of output `row` of a batch, the kernel's rows and columns from the top left.
    fn unfold(&self, row: usize, input: &[f32], seen: &mut [f32]) {
        let (columns, line) = (self.columns(), self.width * self.channels);
        let (picture, across) = (row / columns / self.rows(), row % columns);
        let padding = self.size / 2;
        // Counted from `padding` before the picture's top left pixel.
        let (top, left) = (
            row / columns % self.rows() * self.stride,
            across * self.stride,
        );
        let first = left.max(padding);
        let last = (left + self.size).min(self.width + padding);
        let (before, length) = (
            (first - left) * self.channels,
            (last - first) * self.channels,
        );
        let lines = seen.chunks_exact_mut(self.size * self.channels);
        for (down, seen) in lines.enumerate() {
            let place = (top + down).checked_sub(padding);
            let Some(place) = place.filter(|place| *place < self.height) else {
                seen.fill(0.0);
                continue;
            };
            let start = (picture * self.height + place) * line + (first - padding) * self.channels;
            seen[..before].fill(0.0);
            seen[before..before + length].copy_from_slice(&input[start..start + length]);
            seen[before + length..].fill(0.0);
        }
    }
}

/// A block of rows to convolve.
struct Block<'a> {
    pixels: &'a Pixels,
    input: &'a [f32],
    weight: Matrix<'a>,
    relu: bool,
}

impl Block<'_> {
    /// Convolves the rows from `first` on.
    fn convolve(
        &self,
        output: &mut [f32],
        first: usize,
        begin: &impl Fn(&mut [f32]),
        threads: Threads,
    ) {
        let outputs = self.weight.columns;
        let rows = output.len() / outputs;
        output.chunks_exact_mut(outputs).for_each(begin);
        let seen = self.pixels.seen();
        if self.pixels.size == 1 && self.pixels.stride == 1 {
            let input = &self.input[first * seen..];
            let input = Matrix::packed(input, rows, seen);
            add_product(output, 1.0, input, self.weight, threads);
        } else {
            let mut unfolded = vec![0.0; rows * seen];
            let unfold = |(row, numbers): (usize, &mut [f32])| {
                self.pixels.unfold(first + row, self.input, numbers);
            };
            match threads {
                Threads::One => unfolded.chunks_exact_mut(seen).enumerate().for_each(unfold),
                Threads::All => unfolded
                    .par_chunks_exact_mut(seen)
                    .enumerate()
                    .for_each(unfold),
            }
            let unfolded = Matrix::packed(&unfolded, rows, seen);
            add_product(output, 1.0, unfolded, self.weight, threads);
        }
        if self.relu {
            output
                .iter_mut()
                .for_each(|number| *number = number.max(0.0));
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Var;

    use super::*;

    fn random(shape: &[usize]) -> Tensor {
        crate::random::normal(0.0, 1.0, shape)
    }

    #[track_caller]
    fn case(shape: [usize; 4], outputs: usize, size: usize, stride: usize) {
        let [batch, height, width, inputs] = shape;
        let weight = random(&[outputs, inputs, size, size]);
        let convolution =
            PaddedConvolution::from_tensors(&weight, random(&[outputs]), stride).unwrap();
        let input = random(&shape);
        let (rows, columns) = (height.div_ceil(stride), width.div_ceil(stride));
        let other = random(&[batch, rows, columns, outputs]);
        let variable = Var::from_tensor(&input).unwrap();
        for finish in [Finish::Nothing, Finish::Relu, Finish::AddRelu(&other)] {
            let fused = convolution.forward(&input, finish).unwrap();
            let plain = convolution.forward(variable.as_tensor(), finish).unwrap();
            assert_eq!(fused.dims(), [batch, rows, columns, outputs]);
            let off = kernel::largest_difference(&fused, &plain);
            assert!(off < 1e-4, "the forms differ by {off}");
        }
    }

    #[test]
    fn forms_agree() {
        case([2, 5, 7, 3], 4, 3, 1);
        case([2, 5, 7, 3], 4, 3, 2);
        case([1, 6, 4, 2], 3, 3, 2);
        case([3, 4, 5, 6], 7, 1, 1);
        case([1, 1, 2, 3], 5, 5, 1);
        case([2, 9, 8, 3], 2, 5, 3);
        case([1, 5, 5, 2], 2, 1, 2);
    }

    #[test]
    fn blocks_agree_with_the_whole() {
        // On one thread, whose share is more than one block.
        let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build();
        alone.unwrap().install(|| {
            for (shape, size) in [([3, 60, 50, 5], 3), ([1, 200, 200, 4], 1)] {
                let [batch, height, width, inputs] = shape;
                assert!(batch * height * width > BLOCK / (size * size * inputs));
                case(shape, 6, size, 1);
            }
        });
    }

    #[test]
    fn what_is_seen_lies_in_rows_from_the_top_left() {
        let pixels = Pixels {
            height: 2,
            width: 2,
            channels: 1,
            size: 3,
            stride: 1,
        };
        let mut seen = [9.0; 9];
        pixels.unfold(1, &[1.0, 2.0, 3.0, 4.0], &mut seen);
        assert_eq!(seen, [0.0, 0.0, 0.0, 1.0, 2.0, 0.0, 3.0, 4.0, 0.0]);
    }

    #[test]
    fn gradients_flow() {
        let convolution =
            PaddedConvolution::from_tensors(&random(&[2, 3, 3, 3]), random(&[2]), 2).unwrap();
        let input = Var::from_tensor(&random(&[1, 6, 6, 3])).unwrap();
        let output = convolution
            .forward(input.as_tensor(), Finish::Relu)
            .unwrap();
        let gradients = output.sum_all().unwrap().backward().unwrap();
        assert_eq!(gradients.get(&input).unwrap().dims(), [1, 6, 6, 3]);
    }
}
