use std::ops::Range;

use candle_core::Tensor;

use crate::{Activation, Linear, Result, SameAxis, Then};

/// A convolution of pictures that are planes of colours, followed by ReLU6 (0 below 0, 6 above 6).
///
/// It is a product with rows of what each output sees ("im2col"): row after row of the kernel, the colours of a pixel side by
/// side. The borders are filled with zeros as by TensorFlow's `SAME`.
pub struct PlaneConvolution {
    pub(crate) product: Linear,
    size: usize,
    stride: usize,
}

impl PlaneConvolution {
    /// Of a product with as many inputs as there are colours under a kernel of `size` x `size`, which moves by `stride` pixels,
    /// above 0.
    pub fn new(product: Linear, size: usize, stride: usize) -> Self {
        Self {
            product,
            size,
            stride,
        }
    }

    /// (batch, colours, height, width) → (batch, height / stride, width / stride, outputs), rounded up.
    ///
    /// # Errors
    /// When `input` has another shape.
    pub fn forward(&self, input: &Tensor) -> Result<Tensor> {
        let planes = self.planes(input)?;
        let pixels = input.permute((0, 2, 3, 1))?.contiguous()?;
        let padded = planes.columns.pad(&planes.rows.pad(&pixels, 1)?, 2)?;
        let mut seen = Vec::with_capacity(self.size * self.size);
        for down in 0..self.size {
            let lines = planes.rows.seen_from(down, &padded, 1)?;
            for across in 0..self.size {
                seen.push(planes.columns.seen_from(across, &lines, 2)?);
            }
        }
        let activated = Then::activating(Activation::Relu6);
        self.product
            .forward_then(&Tensor::cat(&seen, 3)?, activated)
    }

    /// Those of `input`, (batch, colours, height, width).
    pub(crate) fn planes(&self, input: &Tensor) -> Result<Planes> {
        let (_, colours, height, width) = input.dims4()?;
        Ok(Planes {
            colours,
            size: self.size,
            rows: SameAxis::new(height, self.size, self.stride),
            columns: SameAxis::new(width, self.size, self.stride),
        })
    }
}

/// Planes of colours under a square kernel.
#[derive(Clone, Copy)]
pub(crate) struct Planes {
    colours: usize,
    size: usize,
    pub(crate) rows: SameAxis,
    pub(crate) columns: SameAxis,
}

impl Planes {
    /// Of a picture.
    pub(crate) fn numbers(&self) -> usize {
        self.colours * self.rows.input * self.columns.input
    }

    /// Numbers that an output sees.
    pub(crate) fn seen(&self) -> usize {
        self.size * self.size * self.colours
    }

    /// Writes what each of the outputs in `rows` sees of the picture that `numbers` begin with.
    pub(crate) fn unfold(&self, numbers: &[f32], rows: Range<usize>, output: &mut [f32]) {
        let (height, width) = (self.rows.input, self.columns.input);
        output.fill(0.0);
        let lines = output.chunks_exact_mut(self.columns.output * self.seen());
        for (row, output) in rows.zip(lines) {
            let top = row * self.rows.stride;
            for down in self.rows.inside(top, self.size) {
                let y = top + down - self.rows.before;
                for colour in 0..self.colours {
                    let line = &numbers[(colour * height + y) * width..][..width];
                    let place = (down * self.size) * self.colours + colour;
                    self.spread(line, &mut output[place..]);
                }
            }
        }
    }

    /// Copies what each output sees of one colour's line.
    fn spread(&self, line: &[f32], output: &mut [f32]) {
        for (column, output) in output.chunks_mut(self.seen()).enumerate() {
            let left = column * self.columns.stride;
            let inside = self.columns.inside(left, self.size);
            let first = left + inside.start - self.columns.before;
            let line = &line[first..first + inside.len()];
            let places = output[inside.start * self.colours..].iter_mut();
            for (place, number) in places.step_by(self.colours).zip(line) {
                *place = *number;
            }
        }
    }
}
