use candle_core::Tensor;
use nn::{Activation, Linear, Result, Then, Weights};

use crate::mini::{config::MiniConfig, perceptron::Perceptron, quantised};

/// Computes an embedding from EfficientNet's features, as the sum of two parts.
///
/// A perceptron over the mean features of two blocks and of the last convolution, trained on captions. And the class
/// probabilities of EfficientNet's classifier, each times the text tower's embedding of the class's name.
pub(super) struct PictureHead {
    /// The last 1 x 1 convolution.
    last: Linear,
    perceptron: Perceptron,
    classifier: Linear,
    /// The class vectors, without a bias.
    classes: Linear,
}

impl PictureHead {
    pub(super) fn new(config: &MiniConfig, weights: &Weights<'_>) -> Result<Self> {
        let (vision, outputs) = (&config.vision_config, config.projection_dim);
        let (features, classes) = (vision.head_channels, vision.num_classes);
        let inputs = vision.middle_channels() + vision.last_channels() + features;
        let last = weights.below("head");
        let vectors = quantised::matrix(classes, outputs, &weights.below("classes"))?;
        Ok(Self {
            last: quantised::linear(vision.last_channels(), features, &last)?,
            perceptron: Perceptron::new(
                inputs,
                vision.perceptron_size,
                outputs,
                &weights.below("perceptron"),
            )?,
            classifier: quantised::linear(features, classes, &weights.below("classifier"))?,
            classes: Linear::from_tensors(vectors, None)?.packed(weights)?,
        })
    }

    /// The outputs of the middle and the last block, each (batch, rows, columns, channels) → (batch, projection).
    pub(super) fn forward(&self, middle: &Tensor, last: &Tensor) -> Result<Tensor> {
        let features = self
            .last
            .forward_then(last, Then::activating(Activation::Relu6))?;
        let features = mean(&features)?;
        let probabilities = softmax(&self.classifier.forward(&features)?)?;
        let seen = [mean(middle)?, mean(last)?, features];
        let vector = self.perceptron.forward(&Tensor::cat(&seen, 1)?)?;
        Ok((vector + self.classes.forward(&probabilities)?)?)
    }
}

/// The mean over all pixels: (batch, rows, columns, channels) → (batch, channels). A product is far faster than
/// candle's sum over a dimension other than the last.
fn mean(pictures: &Tensor) -> Result<Tensor> {
    let (batch, rows, columns, _) = pictures.dims4()?;
    let count = rows * columns;
    let share = Tensor::full(1.0 / count as f32, (1, count), pictures.device())?;
    let means = (0..batch).map(|index| share.matmul(&pictures.get(index)?.flatten(0, 1)?));
    let means: Vec<Tensor> = means.collect::<candle_core::Result<_>>()?;
    Ok(Tensor::cat(&means, 0)?)
}

/// Softmax of every row.
fn softmax(rows: &Tensor) -> Result<Tensor> {
    let powers = rows.broadcast_sub(&rows.max_keepdim(1)?)?.exp()?;
    Ok(powers.broadcast_div(&powers.sum_keepdim(1)?)?)
}
