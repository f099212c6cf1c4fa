use candle_core::Tensor;

use crate::{
    Result,
    config::{ClipConfig, VisionConfig},
    encoder::Encoder,
    ops::{LayerNorm, Linear, PatchConvolution, Sequences},
    weights::Weights,
};

/// CLIP's vision transformer ([Radford et al. 2021](https://arxiv.org/abs/2103.00020)), as transformers'
/// `CLIPVisionModelWithProjection`.
pub(crate) struct VisionTransformer {
    patches: PatchConvolution,
    /// (1, 1, width): the token that ends up standing for the picture.
    class: Tensor,
    /// (1, 1 + patches, width)
    positions: Tensor,
    first_norm: LayerNorm,
    encoder: Encoder,
    last_norm: LayerNorm,
    projection: Linear,
}

impl VisionTransformer {
    pub(crate) fn new(config: &ClipConfig, weights: &Weights<'_>) -> Result<Self> {
        let VisionConfig {
            encoder,
            channels,
            patch,
            ..
        } = &config.vision;
        let (width, tokens) = (
            encoder.width,
            1 + config.vision.grid() * config.vision.grid(),
        );
        let model = weights.below("vision_model");
        let embeddings = model.below("embeddings");
        let norm = |name| LayerNorm::new(width, encoder.epsilon, &model.below(name));
        Ok(Self {
            patches: PatchConvolution::new(
                *channels,
                width,
                *patch,
                &embeddings.below("patch_embedding"),
            )?,
            class: embeddings
                .tensor("class_embedding", &[width])?
                .reshape((1, 1, width))?,
            positions: embeddings
                .tensor("position_embedding.weight", &[tokens, width])?
                .unsqueeze(0)?,
            // The spelling is the checkpoints'.
            first_norm: norm("pre_layrnorm")?,
            encoder: Encoder::new(encoder, &model.below("encoder"))?,
            last_norm: norm("post_layernorm")?,
            projection: Linear::without_bias(
                width,
                config.projection,
                &weights.below("visual_projection"),
            )?,
        })
    }

    /// (batch, 3, image, image) → (batch, projection).
    pub(crate) fn forward(&self, pixels: &Tensor) -> Result<Tensor> {
        let patches = self.patches.forward(pixels)?;
        let (batch, count, width) = patches.dims3()?;
        let class = self.class.expand((batch, 1, width))?;
        let tokens = Tensor::cat(&[&class, &patches], 1)?.broadcast_add(&self.positions)?;
        let tokens = self
            .first_norm
            .forward(&tokens.reshape((batch * (1 + count), width))?)?;
        let class_rows: Vec<u32> = (0..batch)
            .map(|picture| (picture * (1 + count)) as u32)
            .collect();
        let class_rows = Tensor::new(class_rows, tokens.device())?;
        let sequences = Sequences::open(vec![1 + count; batch]);
        let pooled = self.encoder.forward(&tokens, &sequences, &class_rows)?;
        self.projection.forward(&self.last_norm.forward(&pooled)?)
    }
}
