use candle_core::Tensor;
use nn::{Result, Weights};

use crate::{
    clip::VisionTransformer,
    open_clip::{
        config::{OpenClipConfig, Vision},
        names,
    },
    resnet::ResNet,
    siglip,
};

/// One of open_clip's kinds of vision towers.
pub(crate) enum VisionTower {
    Transformer(VisionTransformer),
    ResNet(ResNet),
    Siglip(siglip::VisionTower),
}

impl VisionTower {
    pub(super) fn new(config: &OpenClipConfig, weights: &Weights<'_>) -> Result<Self> {
        let dimension = config.dimension;
        match &config.vision {
            Vision::Transformer { sizes, naming } => {
                let weights = weights.clone().named(*naming);
                VisionTransformer::new(sizes, dimension, &weights).map(Self::Transformer)
            }
            Vision::ResNet(sizes) => {
                ResNet::new(sizes, dimension, &weights.below("visual")).map(Self::ResNet)
            }
            Vision::Siglip(sizes) => {
                let weights = weights.clone().named(names::siglip_trunk);
                siglip::VisionTower::of_sizes(sizes, false, &weights).map(Self::Siglip)
            }
        }
    }

    /// (batch, 3, image, image) → (batch, dimension).
    pub(crate) fn forward(&self, pixels: &Tensor) -> Result<Tensor> {
        match self {
            Self::Transformer(tower) => tower.forward(pixels),
            Self::ResNet(tower) => tower.forward(pixels),
            Self::Siglip(tower) => tower.forward(pixels),
        }
    }
}
