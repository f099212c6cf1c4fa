//! Checkpoints in the form of [open_clip](https://github.com/mlfoundations/open_clip)'s repositories: sizes and
//! preprocessing in `open_clip_config.json`, weights under open_clip's names.
//!
//! Vision and text transformers are those of the other CLIP checkpoints, with weights of other names ([`names`]);
//! residual networks are [`ResNet`](crate::resnet::ResNet)s, and SigLIP's vision towers [`siglip::VisionTower`]s.
//!
//! Token ids are what transformers makes of the repository's tokenizer files. open_clip's own `SimpleTokenizer` mends a
//! text first: `ftfy.fix_text`, HTML entities, twice, and spaces at both ends. So `&amp;` and text decoded by a wrong
//! code page get other ids there, as do `<|startoftext|>` and `<|endoftext|>` written out, which are plain characters
//! to it.

mod config;
mod model;
mod names;
mod preprocess;
mod section;
mod text;
mod tower;
mod trunk;
mod vision;

use self::config::{OpenClipConfig, Vision};
pub(crate) use self::tower::VisionTower;
use crate::{
    Checkpoint, Error, Result,
    checkpoint::OPEN_CLIP_CONFIG,
    clip::{self, TextTransformer},
    preprocessor::Preprocessor,
    scoring::Scoring,
    siglip,
    tokenizer::Tokenizer,
    weights::Weights,
};

/// A repository in open_clip's form.
pub(crate) struct OpenClip {
    config: OpenClipConfig,
}

impl OpenClip {
    pub(crate) fn read(checkpoint: &Checkpoint) -> Result<Self> {
        Ok(Self {
            config: model::read(checkpoint)?,
        })
    }

    /// Length of the vectors.
    pub(crate) fn dimension(&self) -> usize {
        self.config.dimension
    }

    /// Width and height, in pixels, of the pictures that the vision tower takes.
    pub(crate) fn image_size(&self) -> usize {
        match &self.config.vision {
            Vision::Transformer { sizes, .. } | Vision::Siglip(sizes) => sizes.image,
            Vision::ResNet(sizes) => sizes.image,
        }
    }

    /// The most tokens the text tower takes.
    pub(crate) fn context(&self) -> usize {
        self.config.text.context
    }

    /// How cosines become probabilities.
    pub(crate) fn scoring(&self, weights: &Weights<'_>) -> Result<Scoring> {
        let scale = weights.scalar("logit_scale")?.exp();
        match self.config.sigmoid {
            true => Ok(Scoring::Sigmoid {
                scale,
                bias: weights.scalar("logit_bias")?,
            }),
            false => Ok(Scoring::Softmax { scale }),
        }
    }

    pub(crate) fn preprocessor(&self, checkpoint: &Checkpoint) -> Result<Preprocessor> {
        preprocess::read(checkpoint, self.image_size())
    }

    /// Whether the files are there that the tokenizer needs.
    pub(crate) fn check_tokenizer(&self, checkpoint: &Checkpoint) -> Result<()> {
        let config = &self.config.tokenizer;
        match config.of_transformers && config.pads {
            true => siglip::check_tokenizer(checkpoint),
            false => {
                clip::check_tokenizer(checkpoint).map_err(|error| match config.of_transformers {
                    true => error,
                    false => Error::NoTokenizer {
                        checkpoint: checkpoint.name().to_owned(),
                        config: OPEN_CLIP_CONFIG,
                    },
                })
            }
        }
    }

    pub(crate) fn tokenizer(&self, checkpoint: &Checkpoint) -> Result<Tokenizer> {
        let config = &self.config.tokenizer;
        let tokenizer = match config.of_transformers && config.pads {
            true => siglip::open_tokenizer(checkpoint, self.context())?,
            false => clip::tokenizer(checkpoint, self.context())?,
        };
        Ok(match config.canonical {
            true => tokenizer.cleaning(text::canonical),
            false => tokenizer,
        })
    }

    pub(crate) fn vision_tower(&self, weights: &Weights<'_>) -> Result<VisionTower> {
        VisionTower::new(&self.config, weights)
    }

    pub(crate) fn text_tower(&self, weights: &Weights<'_>) -> Result<TextTransformer> {
        let text = &self.config.text;
        // Models with `custom_text` have the text tower's weights below a name of their own; older files of the same
        // models do not, which open_clip allows for as well.
        let below = weights.has("text.token_embedding.weight");
        let weights = weights.clone().named(names::text(below, text.projection));
        TextTransformer::new(text, self.dimension(), &weights)
    }
}
