use candle_core::Tensor;
use nn::{Finish, PaddedConvolution, Result, Weights, average_pool};

use super::normed_convolution;

/// A residual bottleneck ([He et al. 2015](https://arxiv.org/abs/1512.03385)): fewer channels, a 3 x 3 convolution,
/// more channels, and the sum with the input.
pub(super) struct Bottleneck {
    narrow: PaddedConvolution,
    middle: PaddedConvolution,
    widen: PaddedConvolution,
    /// Projects the input to the output's shape if they differ.
    shortcut: Option<PaddedConvolution>,
    /// Whether the output has half the width and height.
    smaller: bool,
}

impl Bottleneck {
    /// The ratio of output channels to inner channels.
    pub(super) const EXPANSION: usize = 4;

    pub(super) fn new(
        inputs: usize,
        inner: usize,
        smaller: bool,
        weights: &Weights<'_>,
    ) -> Result<Self> {
        let outputs = inner * Self::EXPANSION;
        let read = |convolution, norm, sizes| {
            normed_convolution::read(weights, convolution, norm, sizes, 1)
        };
        let shortcut = (smaller || inputs != outputs)
            .then(|| read("downsample.0", "downsample.1", [inputs, outputs, 1]));
        Ok(Self {
            narrow: read("conv1", "bn1", [inputs, inner, 1])?,
            middle: read("conv2", "bn2", [inner, inner, 3])?,
            widen: read("conv3", "bn3", [inner, outputs, 1])?,
            shortcut: shortcut.transpose()?,
            smaller,
        })
    }

    /// (batch, height, width, inputs) → (batch, height, width, outputs), or half of height and width.
    pub(super) fn forward(&self, input: &Tensor) -> Result<Tensor> {
        let shrink = |picture: &Tensor| {
            if self.smaller {
                average_pool(picture)
            } else {
                Ok(picture.clone())
            }
        };
        let hidden = self.narrow.forward(input, Finish::Relu)?;
        let hidden = shrink(&self.middle.forward(&hidden, Finish::Relu)?)?;
        let beside = match &self.shortcut {
            Some(shortcut) => shortcut.forward(&shrink(input)?, Finish::Nothing)?,
            None => input.clone(),
        };
        self.widen.forward(&hidden, Finish::AddRelu(&beside))
    }
}
