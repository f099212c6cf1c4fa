use std::ops::Range;

use candle_core::Tensor;

use crate::{Activation, Linear, Result, SameAxis, Then};

/// A convolution over pictures in colour planes, `(batch, colours, height, width)`, followed by ReLU6.
///
/// Pixels under the kernel are unfolded into rows ("im2col"): the kernel's rows one after another, with the colours of
/// a pixel side by side. Borders are padded with zeros as by TensorFlow's `SAME`.
pub struct PlaneConvolution {
    pub(crate) product: Linear,
    size: usize,
    stride: usize,
}

impl PlaneConvolution {
    /// Creates it from a product with `size` · `size` · colours inputs. The kernel moves by `stride` pixels, above 0.
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

    /// The sizes for `input`, (batch, colours, height, width).
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

/// Colour planes and the square kernel over them.
#[derive(Clone, Copy)]
pub(crate) struct Planes {
    colours: usize,
    size: usize,
    pub(crate) rows: SameAxis,
    pub(crate) columns: SameAxis,
}

impl Planes {
    /// Numbers in a picture.
    pub(crate) fn numbers(&self) -> usize {
        self.colours * self.rows.input * self.columns.input
    }

    /// Numbers that an output depends on.
    pub(crate) fn seen(&self) -> usize {
        self.size * self.size * self.colours
    }

    /// Numbers in a line with its padding, and with the surplus that `unfold` copies.
    fn line(&self) -> usize {
        let seen = (self.columns.output.max(1) - 1) * self.columns.stride + self.size;
        seen.max(self.columns.before + self.columns.input) * self.colours + COPIED
    }

    /// Numbers in the lines under a kernel.
    pub(crate) fn lines(&self) -> usize {
        self.size * self.line()
    }

    /// Writes the inputs of each output in `rows`, of the picture at the start of `numbers`. `lines` is working
    /// memory.
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
                    // Copying a fixed length is faster; later writes overwrite the surplus.
                    match (from.first_chunk::<COPIED>(), to.first_chunk_mut::<COPIED>()) {
                        (Some(from), Some(to)) if across <= COPIED => *to = *from,
                        _ => to[..across].copy_from_slice(&from[..across]),
                    }
                }
            }
        }
    }

    /// Interleaves the colours of each pixel in the lines under the kernel, for the outputs of `row`.
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

/// Numbers copied at once.
const COPIED: usize = 16;
