use nn::Activation;
use serde::Deserialize;

use crate::{
    Checkpoint, Result,
    checkpoint::CONFIG,
    clip::{Projection, TextConfig, TextPooling, VisionConfig},
    config::{EncoderDefaults, EncoderJson, Settings},
};

/// The settings of both towers from `config.json`, with the defaults of transformers'
/// [`SiglipConfig`](https://github.com/huggingface/transformers/blob/main/src/transformers/models/siglip/configuration_siglip.py).
///
/// Its `pad_token_id`, `bos_token_id` and `eos_token_id` are unused, because the tokenizer has others.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SiglipConfig {
    pub(crate) text: TextConfig,
    pub(crate) vision: VisionConfig,
    /// Whether pictures keep their proportions, as in SigLIP 2's NaFlex models. `vision.image` is then the size for
    /// which the position embeddings were made.
    pub(crate) flexible: bool,
}

impl SiglipConfig {
    /// Reads a model of type `siglip`, or of `siglip2`, whose pictures are `flexible`.
    pub(crate) fn read(checkpoint: &Checkpoint, flexible: bool) -> Result<Self> {
        let json: SiglipJson = checkpoint.require_json(CONFIG)?;
        let settings = Settings {
            file: checkpoint.path_of(CONFIG),
        };
        json.resolve(&settings, flexible)
    }

    /// Length of the embeddings. The vision tower has no projection of its own.
    pub(crate) fn dimension(&self) -> usize {
        self.vision.encoder.width
    }
}

/// The file's JSON. Files on the hub contain little more than differences from the defaults.
#[derive(Default, Deserialize)]
#[serde(default)]
struct SiglipJson {
    text_config: Option<TextJson>,
    vision_config: Option<VisionJson>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TextJson {
    #[serde(flatten)]
    encoder: EncoderJson,
    vocab_size: Option<usize>,
    max_position_embeddings: Option<usize>,
    projection_size: Option<usize>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct VisionJson {
    #[serde(flatten)]
    encoder: EncoderJson,
    num_channels: Option<usize>,
    image_size: Option<usize>,
    patch_size: Option<usize>,
    num_patches: Option<usize>,
    vision_use_head: Option<bool>,
}

/// The longest supported padding in tokens, which bounds memory.
pub(crate) const CONTEXT_LIMIT: usize = 1 << 12;

const DEFAULTS: EncoderDefaults = EncoderDefaults {
    width: 768,
    inner: 3072,
    heads: 12,
    epsilon: 1e-6,
    activation: Activation::GeluTanh,
};

impl SiglipJson {
    fn resolve(self, settings: &Settings, flexible: bool) -> Result<SiglipConfig> {
        let text = self.text_config.unwrap_or_default();
        let projection = text.projection_size;
        let config = SiglipConfig {
            text: text.resolve(settings)?,
            vision: self
                .vision_config
                .unwrap_or_default()
                .resolve(settings, flexible)?,
            flexible,
        };
        let projection = projection.unwrap_or(config.text.encoder.width);
        if projection != config.dimension() {
            let expected = format!(
                "{}, the `hidden_size` of `vision_config`",
                config.dimension()
            );
            return Err(settings.refuse("text_config.projection_size", projection, &expected));
        }
        Ok(config)
    }
}

impl TextJson {
    fn resolve(self, settings: &Settings) -> Result<TextConfig> {
        Ok(TextConfig {
            encoder: self.encoder.resolve(settings, "text_config", &DEFAULTS)?,
            vocabulary: settings
                .positive("text_config.vocab_size", self.vocab_size.unwrap_or(32000))?,
            context: settings.within(
                "text_config.max_position_embeddings",
                self.max_position_embeddings.unwrap_or(64),
                CONTEXT_LIMIT,
            )?,
            // Attention is bidirectional, and the last token is pooled. SigLIP was trained on texts padded to one
            // length without a mask, so the padding takes part in attention, and the pooled token of a short text is
            // padding.
            causal: false,
            pooling: TextPooling::Last,
            padding: None,
            projection: Projection::Biased,
        })
    }
}

impl VisionJson {
    fn resolve(self, settings: &Settings, flexible: bool) -> Result<VisionConfig> {
        if self.vision_use_head == Some(false) {
            return Err(settings.refuse("vision_config.vision_use_head", false, "true"));
        }
        let patch = self.patch_size.unwrap_or(16);
        let image = if flexible {
            grid(settings, self.num_patches.unwrap_or(256))?.saturating_mul(patch)
        } else {
            self.image_size.unwrap_or(224)
        };
        let encoder = self.encoder.resolve(settings, "vision_config", &DEFAULTS)?;
        let channels = self.num_channels.unwrap_or(3);
        VisionConfig::new(settings, encoder, channels, image, patch)
    }
}

/// The side, in patches, of the square that `patches` fill.
fn grid(settings: &Settings, patches: usize) -> Result<usize> {
    let edge = patches.isqrt();
    if edge * edge == patches {
        Ok(edge)
    } else {
        Err(settings.refuse("vision_config.num_patches", patches, "a square number"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clip::VisionPooling, config::EncoderConfig};

    fn resolve(json: &str) -> Result<SiglipConfig> {
        resolve_as(json, false)
    }

    fn resolve_as(json: &str, flexible: bool) -> Result<SiglipConfig> {
        let json: SiglipJson = serde_json::from_str(json).unwrap();
        let settings = Settings {
            file: "config.json".to_owned(),
        };
        json.resolve(&settings, flexible)
    }

    #[test]
    fn defaults_are_siglip_base() {
        let encoder = EncoderConfig {
            width: 768,
            inner: 3072,
            heads: 12,
            layers: 12,
            epsilon: 1e-6,
            activation: Activation::GeluTanh,
            layer_scale: false,
        };
        let expected = SiglipConfig {
            text: TextConfig {
                encoder: encoder.clone(),
                vocabulary: 32000,
                context: 64,
                causal: false,
                pooling: TextPooling::Last,
                padding: None,
                projection: Projection::Biased,
            },
            vision: VisionConfig {
                encoder,
                channels: 3,
                image: 224,
                patch: 16,
                first_norm: true,
                pooling: VisionPooling::Class,
                projection: Projection::Plain,
            },
            flexible: false,
        };
        assert_eq!(resolve("{}").unwrap(), expected);
        let kinds =
            r#"{"text_config": {"model_type": "siglip_text_model"}, "vision_config": null}"#;
        assert_eq!(resolve(kinds).unwrap(), expected);
        let flexible = resolve_as("{}", true).unwrap();
        assert_eq!((flexible.vision.image, flexible.vision.grid()), (256, 16));
    }

    #[track_caller]
    fn refused(json: &str, expected: &str) {
        assert_eq!(resolve(json).unwrap_err().to_string(), expected);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        refused(
            r#"{"text_config": {"hidden_size": 24, "num_attention_heads": 2}}"#,
            "`text_config.projection_size` in `config.json` is 24, expected 768, the `hidden_size` of `vision_config`",
        );
        refused(
            r#"{"vision_config": {"vision_use_head": false}}"#,
            "`vision_config.vision_use_head` in `config.json` is false, expected true",
        );
        let error = resolve_as(r#"{"vision_config": {"num_patches": 200}}"#, true);
        assert_eq!(
            error.unwrap_err().to_string(),
            "`vision_config.num_patches` in `config.json` is 200, expected a square number",
        );
        refused(
            r#"{"vision_config": {"num_channels": 1}}"#,
            "`vision_config.num_channels` in `config.json` is 1, expected 3",
        );
        refused(
            r#"{"text_config": {"max_position_embeddings": 0}}"#,
            "`text_config.max_position_embeddings` in `config.json` is 0, expected a number above 0",
        );
    }
}
