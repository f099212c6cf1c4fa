use candle_core::Tensor;

use crate::{
    Result,
    mini::{
        config::MiniConfig,
        perceptron::Perceptron,
        pointwise::PointwiseConvolution,
        pooling::{AttentionPooling, softmax},
        quantised,
    },
    ops::Linear,
    weights::Weights,
};

/// Makes a vector of the features of a picture.
///
/// One part learned from captions: a perceptron over the averages that EfficientNet's classifier sees, over weighted
/// averages of the grid before them, and over the average of an earlier block. The other part knows objects: the
/// classifier's 1,000 probabilities, each times a learned vector of its class.
pub(super) struct PictureHead {
    last: PointwiseConvolution,
    pooling: AttentionPooling,
    perceptron: Perceptron,
    classifier: Linear,
    classes: Linear,
}

impl PictureHead {
    pub(super) fn new(config: &MiniConfig, weights: &Weights<'_>) -> Result<Self> {
        let vision = &config.vision_config;
        let (channels, middle) = (vision.grid_channels(), vision.middle_channels());
        let (features, classes, outputs) = (
            vision.head_channels,
            vision.num_classes,
            config.projection_dim,
        );
        let inputs = features + vision.pooling_heads * channels + middle;
        let perceptron = weights.below("perceptron");
        let embeddings = quantised::matrix(classes, outputs, &weights.below("classes"))?;
        Ok(Self {
            last: PointwiseConvolution::new(channels, features, &weights.below("head"))?,
            pooling: AttentionPooling::new(
                channels,
                vision.pooling_heads,
                &weights.below("pooling"),
            )?,
            perceptron: Perceptron::new(inputs, vision.perceptron_size, outputs, &perceptron)?,
            classifier: quantised::linear(features, classes, &weights.below("classifier"))?,
            classes: Linear::from_tensors(embeddings, None),
        })
    }

    /// The grid, (cells, channels), and the earlier block's, (pixels, channels) → (projection).
    pub(super) fn forward(&self, grid: &Tensor, middle: &Tensor) -> Result<Tensor> {
        let features = self.last.forward_relu6(grid)?.mean(0)?;
        let probabilities = softmax(&self.classifier.forward(&features.unsqueeze(0)?)?)?;
        let seen = Tensor::cat(
            &[&features, &self.pooling.forward(grid)?, &middle.mean(0)?],
            0,
        )?
        .unsqueeze(0)?;
        let vector = (self.perceptron.forward(&seen)? + self.classes.forward(&probabilities)?)?;
        Ok(vector.squeeze(0)?)
    }
}
