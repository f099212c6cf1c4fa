use candle_core::Tensor;

use crate::{
    Checkpoint, Error, Result,
    checkpoint::{CONFIG, Kind},
    config::ClipConfig,
    mini::{self, MiniConfig},
    open_clip::OpenClip,
    preprocessor::{Preprocessor, Sight},
    resnet::ResNet,
    scoring::Scoring,
    siglip::{self, SiglipConfig},
    text::TextTransformer,
    tokenizer::Tokenizer,
    vision::VisionTransformer,
    weights::Weights,
};

/// The kinds of model there are, by `model_type` in `config.json`: a kind more is a variant more in each of the
/// three enums of this file.
pub(crate) enum Architecture {
    /// Hugging Face's `CLIPModel`.
    Clip(ClipConfig),
    /// A repository of open_clip's.
    OpenClip(OpenClip),
    /// The bundled model's own kind.
    Mini(MiniConfig),
    /// Hugging Face's `SiglipModel` and `Siglip2Model`.
    Siglip(SiglipConfig),
}

/// A tower that turns pictures into vectors.
pub(crate) enum VisionTower {
    Clip(VisionTransformer),
    ResNet(ResNet),
    Mini(mini::VisionTower),
    Siglip(siglip::VisionTower),
}

/// A tower that turns texts into vectors.
pub(crate) enum TextTower {
    Clip(TextTransformer),
    Mini(mini::TextTower),
    Siglip(siglip::TextTower),
}

impl Architecture {
    /// The values of `model_type` that are understood.
    const SUPPORTED: &str = "`clip`, `siglip`, `siglip2`, `clipseek-mini`";

    pub(crate) fn read(checkpoint: &Checkpoint) -> Result<Self> {
        if checkpoint.is_open_clip(&checkpoint.names())? {
            return Ok(Self::OpenClip(OpenClip::read(checkpoint)?));
        }
        let kind: Kind = checkpoint.require_json(CONFIG)?;
        match kind.model_type.as_deref() {
            Some("clip") => Ok(Self::Clip(ClipConfig::read(checkpoint)?)),
            Some("siglip") => Ok(Self::Siglip(SiglipConfig::read(checkpoint, false)?)),
            Some("siglip2") => Ok(Self::Siglip(SiglipConfig::read(checkpoint, true)?)),
            Some("clipseek-mini") => Ok(Self::Mini(MiniConfig::read(checkpoint)?)),
            other => Err(Error::ModelType {
                file: checkpoint.place(CONFIG),
                found: other.unwrap_or("none").to_owned(),
                supported: Self::SUPPORTED.to_owned(),
            }),
        }
    }

    /// What to call it.
    pub(crate) fn family(&self) -> &'static str {
        match self {
            Self::Clip(_) => "CLIP",
            Self::OpenClip(_) => "open_clip",
            Self::Mini(_) => "mini",
            Self::Siglip(config) if config.flexible => "SigLIP 2 NaFlex",
            Self::Siglip(_) => "SigLIP",
        }
    }

    /// Length of the vectors.
    pub(crate) fn dimension(&self) -> usize {
        match self {
            Self::Clip(config) => config.projection,
            Self::OpenClip(open_clip) => open_clip.dimension(),
            Self::Mini(config) => config.projection_dim,
            Self::Siglip(config) => config.dimension(),
        }
    }

    /// Width and height, in pixels, of the pictures that the vision tower takes, or was made for.
    pub(crate) fn image_size(&self) -> usize {
        match self {
            Self::Clip(config) => config.vision.image,
            Self::OpenClip(open_clip) => open_clip.image_size(),
            Self::Mini(config) => config.vision_config.image_size,
            Self::Siglip(config) => config.vision.image,
        }
    }

    /// What pictures the vision tower takes.
    pub(crate) fn sight(&self) -> Sight {
        match self {
            Self::Siglip(config) if config.flexible => Sight::Patches(config.vision.patch),
            _ => Sight::Square(self.image_size()),
        }
    }

    /// The most tokens the text tower takes.
    pub(crate) fn context(&self) -> usize {
        match self {
            Self::Clip(config) => config.text.context,
            Self::OpenClip(open_clip) => open_clip.context(),
            Self::Mini(config) => config.text_config.max_position_embeddings,
            Self::Siglip(config) => config.text.context,
        }
    }

    /// How cosines become probabilities.
    pub(crate) fn scoring(&self, weights: &Weights<'_>) -> Result<Scoring> {
        match self {
            Self::Clip(_) | Self::Mini(_) => Ok(Scoring::Softmax {
                scale: weights.scalar("logit_scale")?.exp(),
            }),
            Self::OpenClip(open_clip) => open_clip.scoring(weights),
            Self::Siglip(_) => Ok(Scoring::Sigmoid {
                scale: weights.scalar("logit_scale")?.exp(),
                bias: weights.scalar("logit_bias")?,
            }),
        }
    }

    pub(crate) fn preprocessor(&self, checkpoint: &Checkpoint) -> Result<Preprocessor> {
        match self {
            Self::OpenClip(open_clip) => open_clip.preprocessor(checkpoint),
            Self::Clip(_) | Self::Mini(_) | Self::Siglip(_) => {
                Preprocessor::read(checkpoint, self.sight())
            }
        }
    }

    /// Whether the files that the tokenizer needs are there.
    pub(crate) fn check_tokenizer(&self, checkpoint: &Checkpoint) -> Result<()> {
        match self {
            Self::Clip(_) | Self::Mini(_) => Tokenizer::check(checkpoint),
            Self::OpenClip(open_clip) => open_clip.check_tokenizer(checkpoint),
            Self::Siglip(_) => siglip::check_tokenizer(checkpoint),
        }
    }

    pub(crate) fn tokenizer(&self, checkpoint: &Checkpoint) -> Result<Tokenizer> {
        match self {
            Self::Clip(config) => Tokenizer::clip(checkpoint, config.text.context),
            Self::OpenClip(open_clip) => open_clip.tokenizer(checkpoint),
            Self::Mini(config) => {
                Tokenizer::saved(checkpoint, config.text_config.max_position_embeddings)
            }
            Self::Siglip(config) => siglip::open_tokenizer(checkpoint, config.text.context),
        }
    }

    pub(crate) fn vision_tower(&self, weights: &Weights<'_>) -> Result<VisionTower> {
        match self {
            Self::Clip(config) => Ok(VisionTower::Clip(VisionTransformer::new(
                &config.vision,
                config.projection,
                weights,
            )?)),
            Self::OpenClip(open_clip) => open_clip.vision_tower(weights),
            Self::Mini(config) => Ok(VisionTower::Mini(mini::VisionTower::new(config, weights)?)),
            Self::Siglip(config) => Ok(VisionTower::Siglip(siglip::VisionTower::new(
                config, weights,
            )?)),
        }
    }

    pub(crate) fn text_tower(&self, weights: &Weights<'_>) -> Result<TextTower> {
        match self {
            Self::Clip(config) => Ok(TextTower::Clip(TextTransformer::new(
                &config.text,
                config.projection,
                weights,
            )?)),
            Self::OpenClip(open_clip) => open_clip.text_tower(weights),
            Self::Mini(config) => Ok(TextTower::Mini(mini::TextTower::new(config, weights)?)),
            Self::Siglip(config) => Ok(TextTower::Siglip(siglip::TextTower::new(config, weights)?)),
        }
    }
}

impl VisionTower {
    /// (batch, 3, height, width) → (batch, dimension), of any length.
    pub(crate) fn forward(&self, pixels: &Tensor) -> Result<Tensor> {
        match self {
            Self::Clip(tower) => tower.forward(pixels),
            Self::ResNet(tower) => tower.forward(pixels),
            Self::Mini(tower) => tower.forward(pixels),
            Self::Siglip(tower) => tower.forward(pixels),
        }
    }
}

impl TextTower {
    /// Token ids as the tokenizer gives them → (texts, dimension), of any length.
    pub(crate) fn forward(&self, texts: &[Vec<u32>]) -> Result<Tensor> {
        match self {
            Self::Clip(tower) => tower.forward(texts),
            Self::Mini(tower) => tower.forward(texts),
            Self::Siglip(tower) => tower.forward(texts),
        }
    }
}
