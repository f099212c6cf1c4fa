//! CLIP's residual network ([Radford et al. 2021](https://arxiv.org/abs/2103.00020)), equal to open_clip's
//! [`ModifiedResNet`](https://github.com/mlfoundations/open_clip/blob/main/src/open_clip/modified_resnet.py).
//!
//! It has a stem of three convolutions, downsamples by 2 x 2 average pooling, and ends in attention pooling. Pictures
//! are in `(batch, height, width, channels)` order inside.

mod attention_pool;
mod bottleneck;
mod config;
mod normed_convolution;

use candle_core::Tensor;
use nn::{Finish, PaddedConvolution, Result, Weights, average_pool};

pub(crate) use self::config::ResNetConfig;
use self::{attention_pool::AttentionPool, bottleneck::Bottleneck};

/// The network: a stem, four stages of blocks, and attention pooling.
pub(crate) struct ResNet {
    stem: [PaddedConvolution; 3],
    blocks: Vec<Bottleneck>,
    pool: AttentionPool,
}

impl ResNet {
    /// Reads a tower with embeddings of length `dimension`.
    pub(crate) fn new(
        config: &ResNetConfig,
        dimension: usize,
        weights: &Weights<'_>,
    ) -> Result<Self> {
        let width = config.width;
        let stem = |number, inputs, outputs, stride| {
            let names = (format!("conv{number}"), format!("bn{number}"));
            normed_convolution::read(weights, &names.0, &names.1, [inputs, outputs, 3], stride)
        };
        Ok(Self {
            stem: [
                stem(1, 3, width / 2, 2)?,
                stem(2, width / 2, width / 2, 1)?,
                stem(3, width / 2, width, 1)?,
            ],
            blocks: blocks(config, weights)?,
            pool: AttentionPool::new(config, dimension, &weights.below("attnpool"))?,
        })
    }

    /// (batch, 3, image, image) → (batch, dimension).
    pub(crate) fn forward(&self, pixels: &Tensor) -> Result<Tensor> {
        let mut hidden = pixels.permute((0, 2, 3, 1))?.contiguous()?;
        for convolution in &self.stem {
            hidden = convolution.forward(&hidden, Finish::Relu)?;
        }
        hidden = average_pool(&hidden)?;
        for block in &self.blocks {
            hidden = block.forward(&hidden)?;
        }
        self.pool.forward(&hidden)
    }
}

fn blocks(config: &ResNetConfig, weights: &Weights<'_>) -> Result<Vec<Bottleneck>> {
    let mut blocks = Vec::new();
    let mut inputs = config.width;
    for (stage, &count) in config.layers.iter().enumerate() {
        let inner = config.width << stage;
        let weights = weights.below(&format!("layer{}", stage + 1));
        for block in 0..count {
            let smaller = stage > 0 && block == 0;
            let weights = weights.below(&block.to_string());
            blocks.push(Bottleneck::new(inputs, inner, smaller, &weights)?);
            inputs = inner * Bottleneck::EXPANSION;
        }
    }
    Ok(blocks)
}
