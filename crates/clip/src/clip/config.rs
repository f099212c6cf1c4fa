//! `config.json` of a CLIP model, with the defaults of transformers'
//! [`CLIPConfig`](https://github.com/huggingface/transformers/blob/main/src/transformers/models/clip/configuration_clip.py).

use nn::Activation;
use serde::Deserialize;
use serde_json::Value;

use super::Projection;
use crate::{
    Checkpoint, Result,
    checkpoint::CONFIG,
    config::{EncoderConfig, EncoderDefaults, EncoderJson, IMAGE_LIMIT, Settings},
};

/// The settings of both towers from `config.json`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ClipConfig {
    /// Length of the embeddings of both towers.
    pub(crate) projection: usize,
    pub(crate) text: TextConfig,
    pub(crate) vision: VisionConfig,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TextConfig {
    pub(crate) encoder: EncoderConfig,
    /// The number of tokens.
    pub(crate) vocabulary: usize,
    /// The context length in tokens.
    pub(crate) context: usize,
    pub(crate) pooling: TextPooling,
    /// Whether attention is causal: a token sees only itself and earlier tokens.
    pub(crate) causal: bool,
    /// The padding token, if padding to `context` tokens affects the result.
    pub(crate) padding: Option<u32>,
    pub(crate) projection: Projection,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct VisionConfig {
    pub(crate) encoder: EncoderConfig,
    pub(crate) channels: usize,
    /// The picture's width and height in pixels.
    pub(crate) image: usize,
    /// A patch's width and height in pixels.
    pub(crate) patch: usize,
    /// Whether a norm precedes the first layer.
    pub(crate) first_norm: bool,
    pub(crate) pooling: VisionPooling,
    pub(crate) projection: Projection,
}

/// How the tokens become one vector.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum VisionPooling {
    /// The class token after the norm.
    Class,
    /// The mean of the patches after the norm.
    AverageOfNormed,
    /// The mean of the patches, then the norm.
    NormOfAverage,
}

/// The token whose vector represents the text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum TextPooling {
    /// The first token with the highest id. OpenAI's configurations have a wrong `eos_token_id` of 2, which
    /// transformers [interprets this way](https://github.com/huggingface/transformers/pull/24773).
    HighestId,
    /// The first token with this id, or the first of all if it does not occur.
    First(u32),
    /// The first token.
    Beginning,
    /// The last token.
    Last,
}

impl TextConfig {
    /// Whether tokens after a text's end, such as padding, affect the result.
    pub(crate) fn is_read_whole(&self) -> bool {
        !self.causal || self.pooling == TextPooling::Last
    }
}

impl TextPooling {
    /// The position of the token that represents the text.
    pub(crate) fn position(self, tokens: &[u32]) -> usize {
        let wanted = match self {
            Self::HighestId => tokens.iter().copied().max(),
            Self::First(id) => Some(id),
            Self::Beginning => return 0,
            Self::Last => return tokens.len().saturating_sub(1),
        };
        tokens
            .iter()
            .position(|&token| Some(token) == wanted)
            .unwrap_or(0)
    }
}

impl VisionConfig {
    /// Reads the settings of `vision_config`.
    pub(crate) fn new(
        settings: &Settings,
        encoder: EncoderConfig,
        channels: usize,
        image: usize,
        patch: usize,
    ) -> Result<Self> {
        if channels != 3 {
            return Err(settings.refuse("vision_config.num_channels", channels, "3"));
        }
        let config = Self {
            encoder,
            channels,
            image: settings.within("vision_config.image_size", image, IMAGE_LIMIT)?,
            patch: settings.positive("vision_config.patch_size", patch)?,
            first_norm: true,
            pooling: VisionPooling::Class,
            projection: Projection::Plain,
        };
        if patch > image {
            return Err(settings.refuse("vision_config.patch_size", patch, "at most `image_size`"));
        }
        Ok(config)
    }

    /// The number of patches in a row, and of rows.
    pub(crate) fn grid(&self) -> usize {
        self.image / self.patch
    }
}

impl ClipConfig {
    pub(crate) fn read(checkpoint: &Checkpoint) -> Result<Self> {
        let json: ClipJson = checkpoint.require_json(CONFIG)?;
        json.resolve(&Settings {
            file: checkpoint.path_of(CONFIG),
        })
    }

    /// Reads a model whose text tower is not CLIP's; the text settings are CLIP's defaults.
    pub(crate) fn for_pictures(checkpoint: &Checkpoint) -> Result<Self> {
        let json: PicturesJson = checkpoint.require_json(CONFIG)?;
        let json = ClipJson {
            projection_dim: json.projection_dim,
            vision_config: json.vision_config,
            vision_config_dict: json.vision_config_dict,
            ..ClipJson::default()
        };
        json.resolve(&Settings {
            file: checkpoint.path_of(CONFIG),
        })
    }
}

/// The file's JSON. Absent and `null` values get defaults; old configurations contain only differences.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ClipJson {
    projection_dim: Option<usize>,
    text_config: Option<TextJson>,
    vision_config: Option<VisionJson>,
    // Files from before 2022-12 have these in addition or instead. transformers completes them with the defaults, then
    // overrides every value of `text_config` and `vision_config` with them.
    text_config_dict: Option<TextJson>,
    vision_config_dict: Option<VisionJson>,
}

/// The part of the file about pictures.
#[derive(Default, Deserialize)]
#[serde(default)]
struct PicturesJson {
    projection_dim: Option<usize>,
    vision_config: Option<VisionJson>,
    vision_config_dict: Option<VisionJson>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TextJson {
    #[serde(flatten)]
    encoder: EncoderJson,
    vocab_size: Option<usize>,
    max_position_embeddings: Option<usize>,
    eos_token_id: Option<Value>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct VisionJson {
    #[serde(flatten)]
    encoder: EncoderJson,
    num_channels: Option<usize>,
    image_size: Option<usize>,
    patch_size: Option<usize>,
}

impl ClipJson {
    fn resolve(self, settings: &Settings) -> Result<ClipConfig> {
        let text = self
            .text_config_dict
            .or(self.text_config)
            .unwrap_or_default();
        let vision = self
            .vision_config_dict
            .or(self.vision_config)
            .unwrap_or_default();
        Ok(ClipConfig {
            projection: settings.positive("projection_dim", self.projection_dim.unwrap_or(512))?,
            text: text.resolve(settings)?,
            vision: vision.resolve(settings)?,
        })
    }
}

impl TextJson {
    fn resolve(self, settings: &Settings) -> Result<TextConfig> {
        let defaults = EncoderDefaults {
            width: 512,
            inner: 2048,
            heads: 8,
            epsilon: 1e-5,
            activation: Activation::QuickGelu,
        };
        Ok(TextConfig {
            encoder: self.encoder.resolve(settings, "text_config", &defaults)?,
            vocabulary: settings
                .positive("text_config.vocab_size", self.vocab_size.unwrap_or(49408))?,
            context: settings.positive(
                "text_config.max_position_embeddings",
                self.max_position_embeddings.unwrap_or(77),
            )?,
            pooling: pooling(settings, self.eos_token_id)?,
            causal: true,
            padding: None,
            projection: Projection::Plain,
        })
    }
}

impl VisionJson {
    fn resolve(self, settings: &Settings) -> Result<VisionConfig> {
        let defaults = EncoderDefaults {
            width: 768,
            inner: 3072,
            heads: 12,
            epsilon: 1e-5,
            activation: Activation::QuickGelu,
        };
        let encoder = self.encoder.resolve(settings, "vision_config", &defaults)?;
        VisionConfig::new(
            settings,
            encoder,
            self.num_channels.unwrap_or(3),
            self.image_size.unwrap_or(224),
            self.patch_size.unwrap_or(32),
        )
    }
}

fn pooling(settings: &Settings, eos_token_id: Option<Value>) -> Result<TextPooling> {
    let Some(found) = eos_token_id.filter(|value| !value.is_null()) else {
        return Ok(TextPooling::First(49407));
    };
    match found.as_u64().and_then(|id| u32::try_from(id).ok()) {
        Some(2) => Ok(TextPooling::HighestId),
        Some(id) => Ok(TextPooling::First(id)),
        None => Err(settings.refuse("text_config.eos_token_id", found, "one token id")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(json: &str) -> Result<ClipConfig> {
        let json: ClipJson = serde_json::from_str(json).unwrap();
        json.resolve(&Settings {
            file: "config.json".to_owned(),
        })
    }

    #[test]
    fn nothing_means_vit_b_32() {
        let config = resolve("{}").unwrap();
        assert_eq!(
            config,
            resolve(r#"{"text_config": null, "vision_config": {"image_size": null}}"#).unwrap()
        );
        assert_eq!(config.projection, 512);
        assert_eq!((config.text.vocabulary, config.text.context), (49408, 77));
        assert_eq!(config.text.pooling, TextPooling::First(49407));
        assert_eq!((config.vision.image, config.vision.patch), (224, 32));
        let text = EncoderConfig {
            width: 512,
            inner: 2048,
            heads: 8,
            layers: 12,
            epsilon: 1e-5,
            activation: Activation::QuickGelu,
            layer_scale: false,
        };
        let vision = EncoderConfig {
            width: 768,
            inner: 3072,
            heads: 12,
            ..text.clone()
        };
        assert_eq!((config.text.encoder, config.vision.encoder), (text, vision));
    }

    #[test]
    fn the_old_dictionaries_replace_the_new_ones() {
        let config = resolve(
            r#"{"text_config": {"hidden_size": 64, "eos_token_id": 2}, "text_config_dict": {"eos_token_id": 7}}"#,
        );
        let text = config.unwrap().text;
        assert_eq!(
            (text.encoder.width, text.pooling),
            (512, TextPooling::First(7))
        );
    }

    #[test]
    fn pooling_finds_the_token_that_stands_for_the_text() {
        assert_eq!(TextPooling::HighestId.position(&[8, 3, 9, 4, 9]), 2);
        assert_eq!(TextPooling::First(4).position(&[8, 4, 9, 4]), 1);
        assert_eq!(TextPooling::First(4).position(&[8, 3]), 0);
        assert_eq!(TextPooling::Beginning.position(&[8, 3]), 0);
        assert_eq!(TextPooling::Last.position(&[8, 3]), 1);
    }
}
