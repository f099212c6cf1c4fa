use candle_core::Tensor;
use nn::{LayerNorm, PatchConvolution, Result, Sequences, Weights};

use crate::{
    clip::VisionConfig,
    encoder::Encoder,
    siglip::{attention_pooling::AttentionPooling, config::SiglipConfig, positions::Positions},
};

/// SigLIP's vision transformer, equal to transformers' `SiglipVisionModel` and `Siglip2VisionModel`: without a class
/// token, with attention pooling.
pub(crate) struct VisionTower {
    patches: PatchConvolution,
    patch: usize,
    positions: Positions,
    encoder: Encoder,
    norm: LayerNorm,
    pooling: AttentionPooling,
}

impl VisionTower {
    pub(crate) fn new(config: &SiglipConfig, weights: &Weights<'_>) -> Result<Self> {
        Self::of_sizes(&config.vision, config.flexible, weights)
    }

    /// Reads a tower of these sizes from any form of checkpoint, for pictures of any proportions if `flexible`.
    pub(crate) fn of_sizes(
        vision: &VisionConfig,
        flexible: bool,
        weights: &Weights<'_>,
    ) -> Result<Self> {
        let encoder = &vision.encoder;
        let width = encoder.width;
        let model = weights.below("vision_model");
        let embeddings = model.below("embeddings");
        let patches = embeddings.below("patch_embedding");
        let patches = if flexible {
            PatchConvolution::of_pixels(vision.channels, width, vision.patch, &patches)
        } else {
            PatchConvolution::with_bias(vision.channels, width, vision.patch, &patches)
        };
        Ok(Self {
            patches: patches?,
            patch: vision.patch,
            positions: Positions::new(vision.grid(), width, &embeddings)?,
            encoder: Encoder::new(encoder, &model.below("encoder"))?,
            norm: LayerNorm::new(width, encoder.epsilon, &model.below("post_layernorm"))?,
            pooling: AttentionPooling::new(encoder, &model.below("head"))?,
        })
    }

    /// (batch, 3, height, width) → (batch, width). Unless flexible, pictures have `image` x `image` pixels.
    pub(crate) fn forward(&self, pixels: &Tensor) -> Result<Tensor> {
        let (_, _, height, width) = pixels.dims4()?;
        let positions = self
            .positions
            .resized(height / self.patch, width / self.patch)?;
        let patches = self.patches.forward(pixels)?;
        let (batch, count, width) = patches.dims3()?;
        let tokens = patches
            .broadcast_add(&positions)?
            .reshape((batch * count, width))?;
        let sequences = Sequences::open(vec![count; batch]);
        let hidden = self.encoder.forward_all(&tokens, &sequences)?;
        self.pooling.forward(&self.norm.forward(&hidden)?, batch)
    }
}
