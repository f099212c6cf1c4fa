use nn::TensorLocation;

use crate::{
    cleaning::Cleaning,
    clip::{TextConfig, VisionConfig},
    resnet::ResNetConfig,
};

/// Maps a weight's name to its location in the file.
pub(super) type Naming = fn(&str) -> TensorLocation;

/// The model's settings from `open_clip_config.json`.
#[derive(Debug)]
pub(super) struct OpenClipConfig {
    /// Length of the embeddings of both towers.
    pub(super) dimension: usize,
    pub(super) vision: Vision,
    pub(super) text: TextConfig,
    pub(super) tokenizer: TokenizerConfig,
    /// Whether labels have independent probabilities.
    pub(super) sigmoid: bool,
}

/// The kinds of vision towers.
#[derive(Debug)]
pub(super) enum Vision {
    Transformer {
        sizes: VisionConfig,
        naming: Naming,
    },
    ResNet(ResNetConfig),
    /// SigLIP's transformer from timm.
    Siglip(VisionConfig),
}

/// The tokenizer.
#[derive(Debug)]
pub(super) struct TokenizerConfig {
    /// Whether it is one of transformers'; otherwise it is CLIP's.
    pub(super) of_transformers: bool,
    /// The cleaning of texts before tokenization.
    pub(super) cleaning: Cleaning,
}
