//! [open_clip](https://github.com/mlfoundations/open_clip) repositories: sizes and preprocessing in
//! `open_clip_config.json`, and weights under open_clip's names.
//!
//! Vision and text transformers are those of the other CLIP checkpoints with renamed weights ([`names`]). Residual
//! networks are [`ResNet`](crate::resnet::ResNet)s, and SigLIP's vision towers [`siglip::VisionTower`]s.
//!
//! Token ids equal open_clip's: from the repository's tokenizer if the settings name one of transformers', otherwise
//! from open_clip's own over the repository's vocabulary. Both get [cleaned](crate::cleaning) texts.

mod config;
mod model;
mod names;
mod preprocess;
mod section;
mod text;
mod tower;
mod trunk;
mod vision;

use self::config::{OpenClipConfig, TokenizerConfig, Vision};
pub(crate) use self::tower::VisionTower;
use nn::Weights;

use crate::{
    Checkpoint, Error, Result,
    checkpoint::{OPEN_CLIP_CONFIG, TOKENIZER, TOKENIZER_CONFIG},
    clip::{self, TextTransformer},
    preprocessor::Preprocessor,
    scoring::Scoring,
    siglip,
    tokenizer::{Tokenizer, TokenizerConfig as Settings},
};

/// An open_clip repository.
pub(crate) struct OpenClip {
    config: OpenClipConfig,
}

impl OpenClip {
    pub(crate) fn read(checkpoint: &Checkpoint) -> Result<Self> {
        Ok(Self {
            config: model::read(checkpoint)?,
        })
    }

    /// Length of the embeddings.
    pub(crate) fn dimension(&self) -> usize {
        self.config.dimension
    }

    /// The vision tower's input width and height in pixels.
    pub(crate) fn image_size(&self) -> usize {
        match &self.config.vision {
            Vision::Transformer { sizes, .. } | Vision::Siglip(sizes) => sizes.image,
            Vision::ResNet(sizes) => sizes.image,
        }
    }

    /// Whether the vision tower is a transformer.
    pub(crate) fn is_trainable(&self) -> bool {
        !matches!(self.config.vision, Vision::ResNet(_))
    }

    /// The text tower's context length in tokens.
    pub(crate) fn context(&self) -> usize {
        self.config.text.context
    }

    /// How cosines become probabilities.
    pub(crate) fn scoring(&self, weights: &Weights<'_>) -> Result<Scoring> {
        let scale = weights.scalar("logit_scale")?.exp();
        if self.config.sigmoid {
            Ok(Scoring::Sigmoid {
                scale,
                bias: weights.scalar("logit_bias")?,
            })
        } else {
            Ok(Scoring::Softmax { scale })
        }
    }

    pub(crate) fn preprocessor(&self, checkpoint: &Checkpoint) -> Result<Preprocessor> {
        preprocess::read(checkpoint, self.image_size())
    }

    /// Checks that the tokenizer's files exist.
    pub(crate) fn check_tokenizer(&self, checkpoint: &Checkpoint) -> Result<()> {
        if self.config.tokenizer.of_transformers {
            siglip::check_tokenizer(checkpoint).or_else(|_| clip::check_tokenizer(checkpoint))
        } else {
            clip::check_tokenizer(checkpoint).map_err(|_| Error::NoTokenizer {
                checkpoint: checkpoint.name().to_owned(),
                config: OPEN_CLIP_CONFIG,
            })
        }
    }

    pub(crate) fn tokenizer(&self, checkpoint: &Checkpoint) -> Result<Tokenizer> {
        let TokenizerConfig {
            of_transformers,
            cleaning,
        } = self.config.tokenizer;
        let tokenizer = if of_transformers {
            self.tokenizer_of_transformers(checkpoint)?
        } else {
            clip::simple_tokenizer(checkpoint, self.context())?
        };
        Ok(tokenizer.cleaning(cleaning))
    }

    /// Opens a tokenizer like transformers' `AutoTokenizer`, by the class in `tokenizer_config.json`.
    fn tokenizer_of_transformers(&self, checkpoint: &Checkpoint) -> Result<Tokenizer> {
        let settings: Option<Settings> = checkpoint.json(TOKENIZER_CONFIG)?;
        let settings = settings.unwrap_or_default();
        let is_saved = checkpoint.file(TOKENIZER).is_some();
        let is_clip = settings.is_clip() && (settings.class().is_some() || !is_saved);
        if is_clip && !self.config.text.is_read_whole() {
            clip::tokenizer(checkpoint, self.context())
        } else {
            // `encode` removes padding that does not affect the result.
            siglip::open_tokenizer(checkpoint, self.context())
        }
    }

    pub(crate) fn vision_tower(&self, weights: &Weights<'_>) -> nn::Result<VisionTower> {
        VisionTower::new(&self.config, weights)
    }

    pub(crate) fn text_tower(&self, weights: &Weights<'_>) -> nn::Result<TextTransformer> {
        let text = &self.config.text;
        // Models with `custom_text` have the text tower's weights below a prefix, but older files of the same models
        // do not. Like open_clip, accept both.
        let below = weights.has("text.token_embedding.weight");
        let weights = weights.clone().named(names::text(below, text.projection));
        TextTransformer::new(text, self.dimension(), &weights)
    }
}
