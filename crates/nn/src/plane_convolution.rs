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

    /// Numbers of a line with the zeros around it, and of what is copied behind it.
    fn line(&self) -> usize {
        let seen = (self.columns.output.max(1) - 1) * self.columns.stride + self.size;
        seen.max(self.columns.before + self.columns.input) * self.colours + COPIED
    }

    /// Numbers of the lines under a kernel.
    pub(crate) fn lines(&self) -> usize {
        self.size * self.line()
    }

    /// Writes what each of the outputs in `rows` sees of the picture that `numbers` begin with. There is room for `lines`.
    pub(crate) fn unfold(
        &self,
        numbers: &[f32],
        rows: Range<usize>,
        lines: &mut [f32],
        output: &mut [f32],
    ) {
        let (across, seen) = (self.size * self.colours, self.seen());
        let step = self.columns.stride * self.colours;
        lines.fill(0.0);
        for (index, row) in rows.enumerate() {
            self.interleave(numbers, row, lines);
            let pixels = index * self.columns.output..(index + 1) * self.columns.output;
            for (column, pixel) in pixels.enumerate() {
                for (down, line) in lines.chunks_exact(self.line()).enumerate() {
                    let from = &line[column * step..];
                    let to = &mut output[pixel * seen + down * across..];
                    // More than is seen is quicker to copy; what follows is written afterwards.
                    match (from.first_chunk::<COPIED>(), to.first_chunk_mut::<COPIED>()) {
                        (Some(from), Some(to)) if across <= COPIED => *to = *from,
                        _ => to[..across].copy_from_slice(&from[..across]),
                    }
                }
            }
        }
    }

    /// Brings the colours of each pixel side by side, in the lines under the kernel of the outputs of `row`.
    fn interleave(&self, numbers: &[f32], row: usize, lines: &mut [f32]) {
        let (colours, width) = (self.colours, self.columns.input);
        let top = row * self.rows.stride;
        let inside = self.rows.inside(top, self.size);
        for (down, line) in lines.chunks_exact_mut(self.line()).enumerate() {
            let line = &mut line[self.columns.before * colours..][..width * colours];
            if !inside.contains(&down) {
                line.fill(0.0);
                continue;
            }
            let y = top + down - self.rows.before;
            for colour in 0..colours {
                let place = (colour * self.rows.input + y) * width;
                let from = &numbers[place..place + width];
                let to = line[colour..].iter_mut().step_by(colours);
                for (to, from) in to.zip(from) {
                    *to = *from;
                }
            }
        }
    }
}

/// Numbers that are copied at once.
const COPIED: usize = 16;
