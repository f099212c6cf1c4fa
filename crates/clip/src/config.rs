//! Settings that several families share: the sizes of transformer layers, and errors for unsupported values.

use std::fmt::Display;

use nn::Activation;
use serde::Deserialize;

use crate::{Error, Result};

/// The largest supported picture width and height, which bounds memory.
pub(crate) const IMAGE_LIMIT: usize = 1 << 14;

/// The sizes of a stack of transformer layers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EncoderConfig {
    pub(crate) width: usize,
    /// Hidden width of the perceptron.
    pub(crate) inner: usize,
    pub(crate) heads: usize,
    pub(crate) layers: usize,
    pub(crate) epsilon: f64,
    pub(crate) activation: Activation,
    /// Whether layer scale multiplies the outputs of attention and perceptron ([Touvron et al.
    /// 2021](https://arxiv.org/abs/2103.17239)).
    pub(crate) layer_scale: bool,
}

/// An encoder's settings in transformers' form; absent ones get defaults.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct EncoderJson {
    hidden_size: Option<usize>,
    intermediate_size: Option<usize>,
    num_attention_heads: Option<usize>,
    num_hidden_layers: Option<usize>,
    layer_norm_eps: Option<f64>,
    hidden_act: Option<String>,
}

/// Defaults for absent encoder settings.
pub(crate) struct EncoderDefaults {
    pub(crate) width: usize,
    pub(crate) inner: usize,
    pub(crate) heads: usize,
    pub(crate) epsilon: f64,
    pub(crate) activation: Activation,
}

impl EncoderJson {
    pub(crate) fn resolve(
        self,
        settings: &Settings,
        section: &str,
        defaults: &EncoderDefaults,
    ) -> Result<EncoderConfig> {
        let name = |setting: &str| format!("{section}.{setting}");
        let positive = |setting, found: Option<usize>, default| {
            settings.positive(&name(setting), found.unwrap_or(default))
        };
        let config = EncoderConfig {
            width: positive("hidden_size", self.hidden_size, defaults.width)?,
            inner: positive("intermediate_size", self.intermediate_size, defaults.inner)?,
            heads: positive(
                "num_attention_heads",
                self.num_attention_heads,
                defaults.heads,
            )?,
            layers: positive("num_hidden_layers", self.num_hidden_layers, 12)?,
            epsilon: self.layer_norm_eps.unwrap_or(defaults.epsilon),
            activation: match self.hidden_act {
                Some(found) => activation(settings, &name("hidden_act"), &found)?,
                None => defaults.activation,
            },
            layer_scale: false,
        };
        if !config.width.is_multiple_of(config.heads) {
            let expected = format!("a divisor of `hidden_size`, {}", config.width);
            return Err(settings.refuse(&name("num_attention_heads"), config.heads, &expected));
        }
        Ok(config)
    }
}

/// The activation named `found`.
pub(crate) fn activation(settings: &Settings, setting: &str, found: &str) -> Result<Activation> {
    Activation::named(found)
        .ok_or_else(|| settings.refuse(setting, format!("`{found}`"), &Activation::names()))
}

/// The file with the settings, for error messages.
pub(crate) struct Settings {
    pub(crate) file: String,
}

impl Settings {
    pub(crate) fn positive(&self, setting: &str, found: usize) -> Result<usize> {
        if found == 0 {
            Err(self.refuse(setting, found, "a number above 0"))
        } else {
            Ok(found)
        }
    }

    pub(crate) fn within(&self, setting: &str, found: usize, limit: usize) -> Result<usize> {
        if found > limit {
            let expected = format!("at most {limit}");
            return Err(self.refuse(setting, found, &expected));
        }
        self.positive(setting, found)
    }

    pub(crate) fn refuse(&self, setting: &str, found: impl Display, expected: &str) -> Error {
        Error::setting(&self.file, setting, found, expected)
    }
}
