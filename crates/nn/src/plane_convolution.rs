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

    /// Numbers of a line with the zeros around it.
    pub(crate) fn line(&self) -> usize {
        let seen = (self.columns.output.max(1) - 1) * self.columns.stride + self.size;
        seen.max(self.columns.before + self.columns.input) * self.colours
    }

    /// Writes what each of the outputs in `rows` sees of the picture that `numbers` begin with. There is room for a `line`.
    pub(crate) fn unfold(
        &self,
        numbers: &[f32],
        rows: Range<usize>,
        line: &mut [f32],
        output: &mut [f32],
    ) {
        let (colours, width) = (self.colours, self.columns.input);
        let (across, seen) = (self.size * colours, self.seen());
        let plane = self.rows.input * width;
        line.fill(0.0);
        let outputs = output.chunks_exact_mut(self.columns.output * seen);
        for (row, output) in rows.zip(outputs) {
            let top = row * self.rows.stride;
            let inside = self.rows.inside(top, self.size);
            for down in 0..self.size {
                let parts = output.chunks_exact_mut(seen);
                let parts = parts.map(|seen| &mut seen[down * across..(down + 1) * across]);
                if !inside.contains(&down) {
                    parts.for_each(|part| part.fill(0.0));
                    continue;
                }
                let y = top + down - self.rows.before;
                for colour in 0..colours {
                    let from = &numbers[colour * plane + y * width..][..width];
                    let to = line[self.columns.before * colours + colour..].iter_mut();
                    for (to, from) in to.step_by(colours).zip(from) {
                        *to = *from;
                    }
                }
                let lines = line.windows(across);
                for (part, line) in parts.zip(lines.step_by(self.columns.stride * colours)) {
                    part.copy_from_slice(line);
                }
            }
        }
    }
}
