use nn::Place;

use crate::{
    cleaning::Cleaning,
    clip::{TextConfig, VisionConfig},
    resnet::ResNetConfig,
};

/// Where the weights of a tower are.
pub(super) type Naming = fn(&str) -> Place;

/// What `open_clip_config.json` says of the model.
#[derive(Debug)]
pub(super) struct OpenClipConfig {
    /// Length of the vectors that both towers end in.
    pub(super) dimension: usize,
    pub(super) vision: Vision,
    pub(super) text: TextConfig,
    pub(super) tokenizer: TokenizerConfig,
    /// Whether every label has a probability of its own.
    pub(super) sigmoid: bool,
}

/// The kinds of vision tower.
#[derive(Debug)]
pub(super) enum Vision {
    Transformer {
        sizes: VisionConfig,
        naming: Naming,
    },
    ResNet(ResNetConfig),
    /// SigLIP's transformer, in timm.
    Siglip(VisionConfig),
}

/// What tokenizer makes token ids.
#[derive(Debug)]
pub(super) struct TokenizerConfig {
    /// Whether it is one of transformers'; otherwise it is CLIP's.
    pub(super) of_transformers: bool,
    /// What is done to a text first.
    pub(super) cleaning: Cleaning,
}
