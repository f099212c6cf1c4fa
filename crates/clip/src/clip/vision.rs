use candle_core::Tensor;
use nn::{LayerNorm, Linear, PatchConvolution, Result, Sequences, Weights};

use crate::{
    clip::{VisionConfig, VisionPooling},
    encoder::Encoder,
};

/// CLIP's vision transformer ([Radford et al. 2021](https://arxiv.org/abs/2103.00020)), equal to transformers'
/// `CLIPVisionModelWithProjection`.
pub(crate) struct VisionTransformer {
    patches: PatchConvolution,
    /// (1, 1, width): the class token.
    class: Tensor,
    /// (1, 1 + patches, width)
    positions: Tensor,
    first_norm: Option<LayerNorm>,
    encoder: Encoder,
    pooling: VisionPooling,
    last_norm: LayerNorm,
    projection: Option<Linear>,
}

impl VisionTransformer {
    /// Reads a tower with embeddings of length `dimension`.
    pub(crate) fn new(
        config: &VisionConfig,
        dimension: usize,
        weights: &Weights<'_>,
    ) -> Result<Self> {
        let VisionConfig {
            encoder,
            channels,
            patch,
            ..
        } = config;
        let (width, tokens) = (encoder.width, 1 + config.grid() * config.grid());
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
            // Checkpoints misspell the name.
            first_norm: if config.first_norm {
                Some(norm("pre_layrnorm")?)
            } else {
                None
            },
            encoder: Encoder::new(encoder, &model.below("encoder"))?,
            pooling: config.pooling,
            last_norm: norm("post_layernorm")?,
            projection: config.projection.read(
                width,
                dimension,
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
        let tokens = tokens.reshape((batch * (1 + count), width))?;
        let tokens = match &self.first_norm {
            Some(norm) => norm.forward(&tokens)?,
            None => tokens,
        };
        let pooled = self.pool(&tokens, batch)?;
        match &self.projection {
            Some(projection) => projection.forward(&pooled),
            None => Ok(pooled),
        }
    }

    /// (batch · (1 + patches), width) → (batch, width).
    fn pool(&self, tokens: &Tensor, batch: usize) -> Result<Tensor> {
        let length = tokens.dim(0)? / batch;
        let sequences = Sequences::open(vec![length; batch]);
        if self.pooling == VisionPooling::Class {
            let rows: Vec<u32> = (0..batch)
                .map(|picture| (picture * length) as u32)
                .collect();
            let rows = Tensor::new(rows, tokens.device())?;
            let class = self.encoder.forward(tokens, &sequences, &rows)?;
            return self.last_norm.forward(&class);
        }
        let average = |tokens: &Tensor| {
            let tokens = tokens.reshape((batch, length, ()))?;
            tokens.narrow(1, 1, length - 1)?.mean(1)
        };
        let tokens = self.encoder.forward_all(tokens, &sequences)?;
        match self.pooling {
            VisionPooling::AverageOfNormed => Ok(average(&self.last_norm.forward(&tokens)?)?),
            _ => self.last_norm.forward(&average(&tokens)?),
        }
    }
}
