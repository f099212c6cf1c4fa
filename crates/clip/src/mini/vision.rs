use candle_core::Tensor;
use nn::{Activation, DepthwiseConvolution, Linear, Result, SameAxis, Then, Weights};
use rayon::prelude::*;

use crate::mini::{
    config::{BlockConfig, MiniConfig, StemConfig},
    picture_head::PictureHead,
    quantised,
};

/// EfficientNet-Lite0 ([the reference](https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite))
/// up to its last grid of features, and the head that makes a vector of it.
pub(crate) struct VisionTower {
    stem: Stem,
    blocks: Vec<Block>,
    /// The block whose average output the head sees as well.
    middle_block: usize,
    head: PictureHead,
}

/// The first convolution, over pixels.
struct Stem {
    product: Linear,
    size: usize,
    stride: usize,
}

/// An inverted bottleneck ([Sandler et al. 2018](https://arxiv.org/abs/1801.04381)): more channels, a convolution
/// within each of them, and fewer channels again.
struct Block {
    expand: Option<Linear>,
    depthwise: DepthwiseConvolution,
    project: Linear,
    residual: bool,
}

impl VisionTower {
    pub(crate) fn new(config: &MiniConfig, weights: &Weights<'_>) -> Result<Self> {
        let vision = &config.vision_config;
        let weights = weights.below("vision");
        let blocks = vision.blocks.iter().enumerate();
        let blocks = blocks
            .map(|(index, block)| Block::new(block, &weights.below(&format!("blocks.{index}"))));
        Ok(Self {
            stem: Stem::new(&vision.stem, &weights.below("stem"))?,
            blocks: blocks.collect::<Result<_>>()?,
            middle_block: vision.middle_block,
            head: PictureHead::new(config, &weights)?,
        })
    }

    /// (batch, 3, size, size) → (batch, projection).
    ///
    /// Each picture is computed by one thread, so that what passes from one layer to the next stays in its cache.
    pub(crate) fn forward(&self, pixels: &Tensor) -> Result<Tensor> {
        let pictures = (0..pixels.dim(0)?).into_par_iter();
        let vectors: Vec<Tensor> = pictures
            .map(|index| self.forward_one(&pixels.get(index)?))
            .collect::<Result<_>>()?;
        Ok(Tensor::cat(&vectors, 0)?)
    }

    /// (3, size, size) → (1, projection).
    fn forward_one(&self, pixels: &Tensor) -> Result<Tensor> {
        let mut hidden = self.stem.forward(pixels)?;
        let mut middle = hidden.clone();
        for (index, block) in self.blocks.iter().enumerate() {
            hidden = block.forward(&hidden)?;
            if index == self.middle_block {
                middle = hidden.clone();
            }
        }
        self.head
            .forward(&middle.flatten(0, 2)?, &hidden.flatten(0, 2)?)
    }
}

impl Stem {
    fn new(config: &StemConfig, weights: &Weights<'_>) -> Result<Self> {
        let StemConfig {
            output_channels,
            kernel_size: size,
            stride,
        } = *config;
        let product = Linear::new(3 * size * size, output_channels, weights)?;
        Ok(Self {
            product,
            size,
            stride,
        })
    }

    /// (3, height, width) → (1, height / stride, width / stride, channels).
    ///
    /// The pixels under the kernel, three colours each, are brought into a row; the rest is one product.
    fn forward(&self, pixels: &Tensor) -> Result<Tensor> {
        let (_, height, width) = pixels.dims3()?;
        let rows = SameAxis::new(height, self.size, self.stride);
        let columns = SameAxis::new(width, self.size, self.stride);
        let seen = nn::unfold(pixels, self.size, rows, columns)?.unsqueeze(0)?;
        self.product
            .forward_then(&seen, Then::activating(Activation::Relu6))
    }
}

impl Block {
    fn new(config: &BlockConfig, weights: &Weights<'_>) -> Result<Self> {
        let BlockConfig {
            input_channels,
            output_channels,
            expansion,
            kernel_size,
            stride,
        } = *config;
        let inner = input_channels * expansion;
        let expand = (expansion != 1)
            .then(|| quantised::linear(input_channels, inner, &weights.below("expand")));
        Ok(Self {
            expand: expand.transpose()?,
            depthwise: DepthwiseConvolution::new(
                inner,
                kernel_size,
                stride,
                &weights.below("depthwise"),
            )?,
            project: quantised::linear(inner, output_channels, &weights.below("project"))?,
            residual: stride == 1 && input_channels == output_channels,
        })
    }

    /// (1, height, width, inputs) → (1, height / stride, width / stride, outputs).
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        let inner = match &self.expand {
            Some(expand) => {
                let activated = Then::activating(Activation::Relu6);
                self.depthwise
                    .forward(&expand.forward_then(input, activated)?)?
            }
            None => self.depthwise.forward(input)?,
        };
        match self.residual {
            true => self.project.forward_then(&inner, Then::adding(input)),
            false => self.project.forward(&inner),
        }
    }
}
