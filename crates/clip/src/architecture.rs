use candle_core::Tensor;
use nn::Weights;

use crate::{
    Checkpoint, Error, Result,
    bert::{self, BertConfig, TokenizerWishes},
    checkpoint::{CONFIG, Kind},
    chinese::{ChineseConfig, ChineseTextTower},
    clip::{self, ClipConfig, TextTransformer, VisionTransformer},
    mini::{self, MiniConfig},
    open_clip::{self, OpenClip},
    preprocessor::{InputShape, Preprocessor},
    scoring::Scoring,
    sentence::{SentenceConfig, SentenceTower},
    siglip::{self, SiglipConfig},
    tokenizer::Tokenizer,
};

/// The model families. Families are chosen by `model_type` in `config.json`; a new one is a variant in each of the
/// three enums in this file.
pub(crate) enum Architecture {
    /// Hugging Face's `CLIPModel`.
    Clip(ClipConfig),
    /// An open_clip repository.
    OpenClip(OpenClip),
    /// The bundled model.
    Mini(MiniConfig),
    /// Hugging Face's `ChineseCLIPModel`.
    Chinese(ChineseConfig),
    /// A sentence-transformers text tower without a vision tower.
    Sentence(SentenceConfig),
    /// Hugging Face's `SiglipModel` and `Siglip2Model`.
    Siglip(SiglipConfig),
}

/// A tower that embeds pictures.
pub(crate) enum VisionTower {
    Clip(VisionTransformer),
    OpenClip(open_clip::VisionTower),
    Mini(mini::VisionTower),
    Siglip(siglip::VisionTower),
}

/// A tower that embeds texts.
pub(crate) enum TextTower {
    Clip(TextTransformer),
    Mini(mini::TextTower),
    Chinese(ChineseTextTower),
    Sentence(SentenceTower),
}

impl Architecture {
    /// The supported values of `model_type`.
    const SUPPORTED: &str =
        "`clip`, `chinese_clip`, `siglip`, `siglip2`, `bert`, `distilbert`, `clipseek-mini`";

    pub(crate) fn read(checkpoint: &Checkpoint) -> Result<Self> {
        if checkpoint.is_open_clip(&checkpoint.names())? {
            return Ok(Self::OpenClip(OpenClip::read(checkpoint)?));
        }
        let kind: Kind = checkpoint.require_json(CONFIG)?;
        reject_parts(checkpoint, &kind)?;
        let sentence = |transformer| {
            let model_type = kind.model_type.clone().unwrap_or_default();
            match checkpoint.modules() {
                [] => Err(Error::PlainText {
                    file: checkpoint.path_of(CONFIG),
                    model_type,
                }),
                _ => SentenceConfig::read(checkpoint, transformer),
            }
        };
        match kind.model_type.as_deref() {
            Some("clip") => Ok(Self::Clip(ClipConfig::read(checkpoint)?)),
            Some("chinese_clip") => Ok(Self::Chinese(ChineseConfig::read(checkpoint)?)),
            Some("bert") => Ok(Self::Sentence(sentence(BertConfig::bert(checkpoint)?)?)),
            Some("distilbert") => Ok(Self::Sentence(sentence(BertConfig::distilbert(
                checkpoint,
            )?)?)),
            Some("siglip") => Ok(Self::Siglip(SiglipConfig::read(checkpoint, false)?)),
            Some("siglip2") => Ok(Self::Siglip(SiglipConfig::read(checkpoint, true)?)),
            Some("clipseek-mini") => Ok(Self::Mini(MiniConfig::read(checkpoint)?)),
            other => Err(Error::ModelType {
                file: checkpoint.path_of(CONFIG),
                found: other.unwrap_or("none").to_owned(),
                supported: Self::SUPPORTED.to_owned(),
            }),
        }
    }

    /// Its name for people.
    pub(crate) fn family(&self) -> &'static str {
        match self {
            Self::Clip(_) => "CLIP",
            Self::OpenClip(_) => "open_clip",
            Self::Mini(_) => "mini",
            Self::Chinese(_) => "Chinese CLIP",
            Self::Sentence(_) => "sentence-transformers (texts only)",
            Self::Siglip(config) if config.flexible => "SigLIP 2 NaFlex",
            Self::Siglip(_) => "SigLIP",
        }
    }

    /// Whether both towers have weights that can be trained. Those of the bundled model are quantised, and those of
    /// residual networks have statistics of batches in them.
    pub(crate) fn is_trainable(&self) -> bool {
        match self {
            Self::Clip(_) | Self::Chinese(_) => true,
            Self::Siglip(config) => !config.flexible,
            Self::OpenClip(open_clip) => open_clip.is_trainable(),
            Self::Mini(_) | Self::Sentence(_) => false,
        }
    }

    /// Whether there is a vision tower.
    pub(crate) fn sees_pictures(&self) -> bool {
        self.input_shape().is_some()
    }

    /// Length of the embeddings.
    pub(crate) fn dimension(&self) -> usize {
        match self {
            Self::Clip(config) => config.projection,
            Self::OpenClip(open_clip) => open_clip.dimension(),
            Self::Mini(config) => config.projection_dim,
            Self::Chinese(config) => config.clip.projection,
            Self::Sentence(config) => config.dimension,
            Self::Siglip(config) => config.dimension(),
        }
    }

    /// The vision tower's input width and height in pixels, or those it was trained for if flexible; 0 without a
    /// vision tower.
    pub(crate) fn image_size(&self) -> usize {
        match self {
            Self::Clip(config) => config.vision.image,
            Self::OpenClip(open_clip) => open_clip.image_size(),
            Self::Mini(config) => config.vision_config.image_size,
            Self::Chinese(config) => config.clip.vision.image,
            Self::Sentence(_) => 0,
            Self::Siglip(config) => config.vision.image,
        }
    }

    /// The vision tower's input shape; `None` without a vision tower.
    pub(crate) fn input_shape(&self) -> Option<InputShape> {
        match self {
            Self::Sentence(_) => None,
            Self::Siglip(config) if config.flexible => {
                Some(InputShape::Patches(config.vision.patch))
            }
            _ => Some(InputShape::Square(self.image_size())),
        }
    }

    /// The text tower's context length in tokens.
    pub(crate) fn context(&self) -> usize {
        match self {
            Self::Clip(config) => config.text.context,
            Self::OpenClip(open_clip) => open_clip.context(),
            Self::Mini(config) => config.text_config.max_position_embeddings,
            Self::Chinese(config) => config.text.context,
            Self::Sentence(config) => config.context(),
            Self::Siglip(config) => config.text.context,
        }
    }

    /// How cosines become probabilities.
    pub(crate) fn scoring(&self, weights: &Weights<'_>) -> Result<Scoring> {
        match self {
            Self::Clip(_) | Self::Mini(_) | Self::Chinese(_) => Ok(Scoring::Softmax {
                scale: weights.scalar("logit_scale")?.exp(),
            }),
            Self::OpenClip(open_clip) => open_clip.scoring(weights),
            // Only the pictures' model has a learned scale, so cosines stay unscaled.
            Self::Sentence(_) => Ok(Scoring::Softmax { scale: 1.0 }),
            Self::Siglip(_) => Ok(Scoring::Sigmoid {
                scale: weights.scalar("logit_scale")?.exp(),
                bias: weights.scalar("logit_bias")?,
            }),
        }
    }

    /// The picture preprocessing; `None` without a vision tower.
    pub(crate) fn preprocessor(&self, checkpoint: &Checkpoint) -> Result<Option<Preprocessor>> {
        match (self, self.input_shape()) {
            (Self::OpenClip(open_clip), _) => open_clip.preprocessor(checkpoint).map(Some),
            (_, Some(input_shape)) => Preprocessor::read(checkpoint, input_shape).map(Some),
            (_, None) => Ok(None),
        }
    }

    /// Checks that the tokenizer's files exist.
    pub(crate) fn check_tokenizer(&self, checkpoint: &Checkpoint) -> Result<()> {
        match self {
            Self::Clip(_) | Self::Mini(_) => clip::check_tokenizer(checkpoint),
            Self::OpenClip(open_clip) => open_clip.check_tokenizer(checkpoint),
            Self::Chinese(_) | Self::Sentence(_) => bert::check_tokenizer(checkpoint),
            Self::Siglip(_) => siglip::check_tokenizer(checkpoint),
        }
    }

    pub(crate) fn tokenizer(&self, checkpoint: &Checkpoint) -> Result<Tokenizer> {
        match self {
            Self::Clip(config) => clip::tokenizer(checkpoint, config.text.context),
            Self::OpenClip(open_clip) => open_clip.tokenizer(checkpoint),
            Self::Mini(config) => {
                Tokenizer::saved(checkpoint, config.text_config.max_position_embeddings)
            }
            Self::Chinese(config) => {
                bert::tokenizer(checkpoint, config.text.context, TokenizerWishes::default())
            }
            Self::Sentence(config) => {
                bert::tokenizer(checkpoint, config.transformer.context, config.tokenizer)
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
            Self::OpenClip(open_clip) => {
                Ok(VisionTower::OpenClip(open_clip.vision_tower(weights)?))
            }
            Self::Mini(config) => Ok(VisionTower::Mini(mini::VisionTower::new(config, weights)?)),
            Self::Chinese(config) => Ok(VisionTower::Clip(VisionTransformer::new(
                &config.clip.vision,
                config.clip.projection,
                weights,
            )?)),
            Self::Sentence(_) => Err(Error::TextsAlone {
                model: weights.file().to_owned(),
            }),
            Self::Siglip(config) => Ok(VisionTower::Siglip(siglip::VisionTower::new(
                config, weights,
            )?)),
        }
    }

    pub(crate) fn text_tower(&self, weights: &Weights<'_>) -> nn::Result<TextTower> {
        match self {
            Self::Clip(config) => Ok(TextTower::Clip(TextTransformer::new(
                &config.text,
                config.projection,
                weights,
            )?)),
            Self::OpenClip(open_clip) => Ok(TextTower::Clip(open_clip.text_tower(weights)?)),
            Self::Mini(config) => Ok(TextTower::Mini(mini::TextTower::new(config, weights)?)),
            Self::Chinese(config) => {
                Ok(TextTower::Chinese(ChineseTextTower::new(config, weights)?))
            }
            Self::Sentence(config) => Ok(TextTower::Sentence(SentenceTower::new(config, weights)?)),
            Self::Siglip(config) => Ok(TextTower::Clip(siglip::text_tower(config, weights)?)),
        }
    }
}

/// Rejects models of a supported family that lack weights: a single tower, or a head for another task. Unknown classes
/// are accepted.
fn reject_parts(checkpoint: &Checkpoint, kind: &Kind) -> Result<()> {
    let (prefixes, whole): (&[&str], _) = match kind.model_type.as_deref() {
        Some("clip") => (&["CLIP"], "CLIPModel"),
        Some("chinese_clip") => (&["ChineseCLIP"], "ChineseCLIPModel"),
        // transformers loads SigLIP 2 models with a fixed picture size as SigLIP.
        Some("siglip") => (&["Siglip2", "Siglip"], "SiglipModel"),
        Some("siglip2") => (&["Siglip2", "Siglip"], "Siglip2Model"),
        _ => return Ok(()),
    };
    let is_part = |class: &&String| {
        let rest = prefixes
            .iter()
            .find_map(|prefix| class.strip_prefix(prefix));
        rest.is_some_and(|rest| !rest.starts_with("Model"))
    };
    let mut classes = kind.architectures.iter().flatten();
    match classes.find(is_part) {
        None => Ok(()),
        Some(class) => {
            let expected = format!("`{whole}`, with both towers");
            let file = checkpoint.path_of(CONFIG);
            Err(Error::setting(
                &file,
                "architectures",
                format!("`{class}`"),
                &expected,
            ))
        }
    }
}

impl Checkpoint {
    /// The model family's name for people, such as `CLIP`. Does not need the weights.
    ///
    /// # Errors
    /// When the family is not supported, or a file that determines it is missing or malformed.
    pub fn family(&self) -> Result<&'static str> {
        Architecture::read(self).map(|architecture| architecture.family())
    }
}

impl VisionTower {
    /// (batch, 3, height, width) → (batch, dimension), not normalised.
    pub(crate) fn forward(&self, pixels: &Tensor) -> nn::Result<Tensor> {
        match self {
            Self::Clip(tower) => tower.forward(pixels),
            Self::OpenClip(tower) => tower.forward(pixels),
            Self::Mini(tower) => tower.forward(pixels),
            Self::Siglip(tower) => tower.forward(pixels),
        }
    }
}

impl TextTower {
    /// The tokenizer's token ids → (texts, dimension), not normalised.
    pub(crate) fn forward(&self, texts: &[Vec<u32>]) -> nn::Result<Tensor> {
        match self {
            Self::Clip(tower) => tower.forward(texts),
            Self::Mini(tower) => tower.forward(texts),
            Self::Chinese(tower) => tower.forward(texts),
            Self::Sentence(tower) => tower.forward(texts),
        }
    }
}
