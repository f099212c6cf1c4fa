use candle_core::Tensor;

use crate::{Linear, Result, Weights};

/// A convolution whose patches neither overlap nor leave gaps, as the first layer of a vision transformer
/// ([Dosovitskiy et al. 2020](https://arxiv.org/abs/2010.11929)). It is one product over the pixels of every patch.
pub struct PatchConvolution {
    product: Linear,
    channels: usize,
    patch: usize,
}

impl PatchConvolution {
    /// Patches of `patch` x `patch` pixels without a bias. Reads `weights.weight` (width, channels, patch, patch).
    ///
    /// # Errors
    /// When a tensor is missing, or has another shape or an unreadable type.
    pub fn new(channels: usize, width: usize, patch: usize, weights: &Weights<'_>) -> Result<Self> {
        Self::saved(channels, width, patch, weights, None)
    }

    /// Like [`new`](Self::new) with a bias. Reads `weights.weight` and `weights.bias` (width).
    ///
    /// # Errors
    /// When a tensor is missing, or has another shape or an unreadable type.
    pub fn with_bias(
        channels: usize,
        width: usize,
        patch: usize,
        weights: &Weights<'_>,
    ) -> Result<Self> {
        let bias = weights.tensor("bias", &[width])?;
        Self::saved(channels, width, patch, weights, Some(bias))
    }

    /// Like [`with_bias`](Self::with_bias), from a matrix over pixels and their channels: reads `weights.weight`
    /// (width, patch · patch · channels) and `weights.bias` (width).
    ///
    /// # Errors
    /// When a tensor is missing, or has another shape or an unreadable type.
    pub fn of_pixels(
        channels: usize,
        width: usize,
        patch: usize,
        weights: &Weights<'_>,
    ) -> Result<Self> {
        let bias = weights.tensor("bias", &[width])?;
        let inputs = patch.saturating_mul(patch).saturating_mul(channels);
        let weight = weights
            .tensor("weight", &[width, inputs])?
            .reshape((width, patch * patch, channels))?
            .transpose(1, 2)?
            .reshape((width, inputs))?;
        Ok(Self {
            product: Linear::from_tensors(weight, Some(bias))?.packed(weights)?,
            channels,
            patch,
        })
    }

    fn saved(
        channels: usize,
        width: usize,
        patch: usize,
        weights: &Weights<'_>,
        bias: Option<Tensor>,
    ) -> Result<Self> {
        let weight = weights.tensor("weight", &[width, channels, patch, patch])?;
        let weight = weight.reshape((width, channels * patch * patch))?;
        Ok(Self {
            product: Linear::from_tensors(weight, bias)?.packed(weights)?,
            channels,
            patch,
        })
    }

    /// (batch, channels, height, width) → (batch, patches, width), patches row by row from the top left.
    ///
    /// Ignores pixels at the right and the bottom that do not fill a patch.
    ///
    /// # Errors
    /// When `pixels` has another shape.
    pub fn forward(&self, pixels: &Tensor) -> Result<Tensor> {
        let (batch, channels, height, width) = pixels.dims4()?;
        let patch = self.patch;
        let (rows, columns) = (height / patch, width / patch);
        let patches = pixels
            .narrow(2, 0, rows * patch)?
            .narrow(3, 0, columns * patch)?
            .reshape(vec![batch, channels, rows, patch, columns, patch])?
            .permute(vec![0, 2, 4, 1, 3, 5])?
            .reshape((batch, rows * columns, self.channels * patch * patch))?;
        self.product.forward(&patches)
    }
}
