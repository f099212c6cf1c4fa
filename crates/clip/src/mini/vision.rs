use candle_core::Tensor;
use nn::{
    DepthwiseConvolution, Expansion, InvertedBottleneck, Linear, PlaneConvolution, Result, Threads,
    Weights,
};
use rayon::prelude::*;

use crate::mini::{
    config::{BlockConfig, MiniConfig, StemConfig, VisionConfig},
    picture_head::PictureHead,
    quantised,
};

/// Feature maps of at most this many pixels are computed in batches, because the weights take more cache than they do.
const FEW_PIXELS: usize = 14 * 14;

/// EfficientNet-Lite0 ([the
/// reference](https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite)) up to its last feature
/// map, and the head that makes an embedding of it.
pub(crate) struct VisionTower {
    /// The first convolution, unless it is fused with the first block.
    stem: Option<PlaneConvolution>,
    blocks: Vec<InvertedBottleneck>,
    /// The number of first blocks with large feature maps.
    large_blocks: usize,
    /// The block whose mean output the head uses too.
    middle_block: usize,
    head: PictureHead,
}

impl VisionTower {
    pub(crate) fn new(config: &MiniConfig, weights: &Weights<'_>) -> Result<Self> {
        let vision = &config.vision_config;
        let weights = weights.below("vision");
        let mut stem = Some(stem(&vision.stem, &weights.below("stem"))?);
        let mut blocks = Vec::with_capacity(vision.blocks.len());
        for (index, config) in vision.blocks.iter().enumerate() {
            let weights = weights.below(&format!("blocks.{index}"));
            let inner = config.input_channels * config.expansion;
            let widen = match (index, config.expansion) {
                (0, 1) => stem.take().map_or(Expansion::Nothing, Expansion::Planes),
                (_, 1) => Expansion::Nothing,
                _ => {
                    let weights = weights.below("expand");
                    Expansion::Product(quantised::linear(config.input_channels, inner, &weights)?)
                }
            };
            blocks.push(block(config, widen, &weights)?);
        }
        Ok(Self {
            stem,
            blocks,
            large_blocks: large_blocks(vision),
            middle_block: vision.middle_block,
            head: PictureHead::new(config, &weights)?,
        })
    }

    /// (batch, 3, size, size) → (batch, projection).
    pub(crate) fn forward(&self, pixels: &Tensor) -> Result<Tensor> {
        let batch = pixels.dim(0)?;
        if batch < rayon::current_num_threads() {
            let pictures = (0..batch).into_par_iter();
            let vectors: Vec<Tensor> = pictures
                .map(|index| self.forward_on(Threads::All, &pixels.narrow(0, index, 1)?))
                .collect::<Result<_>>()?;
            return Ok(Tensor::cat(&vectors, 0)?);
        }
        self.forward_on(Threads::One, pixels)
    }

    /// Computes each picture separately while its feature maps are large, so that they stay in the cache, then all
    /// together.
    fn forward_on(&self, threads: Threads, pixels: &Tensor) -> Result<Tensor> {
        let (large, small) = self.blocks.split_at(self.large_blocks);
        let pictures = (0..pixels.dim(0)?).map(|index| {
            let mut hidden = pixels.narrow(0, index, 1)?;
            if let Some(stem) = &self.stem {
                hidden = stem.forward(&hidden)?;
            }
            for block in large {
                hidden = block.forward(&hidden, threads)?;
            }
            Ok(hidden)
        });
        let pictures: Vec<Tensor> = pictures.collect::<Result<_>>()?;
        let mut hidden = Tensor::cat(&pictures, 0)?;
        let mut middle = hidden.clone();
        for (index, block) in small.iter().enumerate() {
            hidden = block.forward(&hidden, threads)?;
            if index + large.len() == self.middle_block {
                middle = hidden.clone();
            }
        }
        self.head.forward(&middle, &hidden)
    }
}

/// The number of blocks before the middle one whose input is large.
fn large_blocks(config: &VisionConfig) -> usize {
    let mut side = config.image_size.div_ceil(config.stem.stride);
    let blocks = config.blocks.iter().take(config.middle_block);
    let large = blocks.take_while(|block| {
        let is_large = side * side > FEW_PIXELS;
        side = side.div_ceil(block.stride);
        is_large
    });
    large.count()
}

/// At least bf16: with int8 pixels, a picture's cosine to its f32 embedding falls from 0.9994 to 0.973.
fn stem(config: &StemConfig, weights: &Weights<'_>) -> Result<PlaneConvolution> {
    let StemConfig {
        output_channels,
        kernel_size: size,
        stride,
    } = *config;
    let weight = weights.tensor("weight", &[output_channels, 3 * size * size])?;
    let bias = weights.tensor("bias", &[output_channels])?;
    let product = Linear::from_tensors(weight, Some(bias))?;
    let product = product.packed(&weights.clone().at_least_bf16())?;
    Ok(PlaneConvolution::new(product, size, stride))
}

fn block(
    config: &BlockConfig,
    widen: Expansion,
    weights: &Weights<'_>,
) -> Result<InvertedBottleneck> {
    let BlockConfig {
        input_channels,
        output_channels,
        expansion,
        kernel_size,
        stride,
    } = *config;
    let inner = input_channels * expansion;
    let depthwise = weights.below("depthwise");
    let depthwise = DepthwiseConvolution::new(inner, kernel_size, stride, &depthwise)?;
    let project = quantised::linear(inner, output_channels, &weights.below("project"))?;
    let residual = stride == 1 && input_channels == output_channels;
    InvertedBottleneck::new(widen, depthwise, project, residual)
}
