use std::ops::Range;

use candle_core::Tensor;

use crate::{Result, Weights};

/// A depthwise convolution, followed by ReLU6: every channel has its own square kernel.
///
/// Borders are padded with zeros as by TensorFlow's `SAME`: an odd pixel goes below and to the right. candle's grouped
/// convolution runs one convolution a channel and is a hundred times slower.
pub struct DepthwiseConvolution {
    /// (kernel · kernel, channels), so that a pixel's channels meet their weights in order.
    pub(crate) weight: Tensor,
    pub(crate) bias: Tensor,
    pub(crate) size: usize,
    pub(crate) stride: usize,
}

/// One axis of a convolution with TensorFlow's `SAME` padding: its sizes, and the pixels that each output sees.
#[derive(Clone, Copy)]
pub struct SameAxis {
    pub(crate) input: usize,
    pub(crate) output: usize,
    pub(crate) stride: usize,
    /// Zeros before the first pixel and after the last.
    pub(crate) before: usize,
    behind: usize,
}

impl DepthwiseConvolution {
    /// Kernels of `size` x `size`. Reads `weights.weight` (size · size, channels) and `weights.bias` (channels).
    /// `stride` is above 0.
    ///
    /// # Errors
    /// When a tensor is missing, or has another shape or an unreadable type.
    pub fn new(channels: usize, size: usize, stride: usize, weights: &Weights<'_>) -> Result<Self> {
        let weight = weights.tensor("weight", &[size * size, channels])?;
        Ok(Self {
            weight,
            bias: weights.tensor("bias", &[channels])?,
            size,
            stride,
        })
    }

    pub(crate) fn channels(&self) -> usize {
        self.bias.elem_count()
    }

    /// (batch, height, width, channels) → (batch, height / stride, width / stride, channels), rounded up.
    ///
    /// Sums the picture shifted to each position of the kernel, times that position's weights.
    ///
    /// # Errors
    /// When `input` has another shape.
    pub fn forward(&self, input: &Tensor) -> Result<Tensor> {
        let (_, height, width, _) = input.dims4()?;
        let rows = SameAxis::new(height, self.size, self.stride);
        let columns = SameAxis::new(width, self.size, self.stride);
        let padded = columns.pad(&rows.pad(input, 1)?, 2)?;
        let mut sum = self.bias.reshape((1, 1, 1, ()))?;
        for place in 0..self.size * self.size {
            let shifted = rows.seen_from(place / self.size, &padded, 1)?;
            let shifted = columns.seen_from(place % self.size, &shifted, 2)?;
            sum = shifted
                .broadcast_mul(&self.weight.get(place)?)?
                .broadcast_add(&sum)?;
        }
        Ok(sum.clamp(0.0, 6.0)?)
    }
}

impl SameAxis {
    /// `input` pixels, a kernel of `size`, and a `stride` above 0.
    pub fn new(input: usize, size: usize, stride: usize) -> Self {
        let output = input.div_ceil(stride);
        let padding = (output.saturating_sub(1) * stride + size).saturating_sub(input);
        Self {
            input,
            output,
            stride,
            before: padding / 2,
            behind: padding - padding / 2,
        }
    }

    /// Pads `picture` with zeros along `dimension`, which is this axis.
    ///
    /// # Errors
    /// When `picture` has no such dimension.
    pub(crate) fn pad(self, picture: &Tensor, dimension: usize) -> Result<Tensor> {
        Ok(picture.pad_with_zeros(dimension, self.before, self.behind)?)
    }

    /// The pixel of the [padded](Self::pad) picture under the kernel's position `offset`, for each output.
    ///
    /// # Errors
    /// When `padded` has no such dimension or too few pixels.
    pub(crate) fn seen_from(
        self,
        offset: usize,
        padded: &Tensor,
        dimension: usize,
    ) -> Result<Tensor> {
        let seen: Vec<u32> = (0..self.output)
            .map(|output| (output * self.stride + offset) as u32)
            .collect();
        Ok(padded.index_select(&Tensor::new(seen, padded.device())?, dimension)?)
    }

    /// Which of `count` positions lie in the picture, when the first of them is `first` positions after the first
    /// zero.
    pub(crate) fn inside(self, first: usize, count: usize) -> Range<usize> {
        let end = count.min((self.input + self.before).saturating_sub(first));
        self.before.saturating_sub(first).min(end)..end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_odd_pixel_of_padding_goes_behind() {
        let (even, odd) = (SameAxis::new(224, 3, 2), SameAxis::new(7, 5, 1));
        assert_eq!((even.output, even.before, even.behind), (112, 0, 1));
        assert_eq!((odd.output, odd.before, odd.behind), (7, 2, 2));
    }
}
