use serde::Deserialize;

use crate::{
    Checkpoint, Result,
    checkpoint::CONFIG,
    config::{EncoderConfig, Settings, activation},
};

/// The sizes of a BERT or DistilBERT.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct BertConfig {
    pub(crate) kind: BertKind,
    pub(crate) encoder: EncoderConfig,
    /// The number of tokens.
    pub(crate) vocabulary: usize,
    /// The context length in tokens.
    pub(crate) context: usize,
}

/// Which of the two; their weights and settings have different names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BertKind {
    /// With token type embeddings, of which texts use only the first.
    Bert { token_types: usize },
    /// Without token types.
    DistilBert,
}

/// The settings of BERT or DistilBERT, each under its own names.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct BertJson {
    vocab_size: Option<usize>,
    max_position_embeddings: Option<usize>,
    type_vocab_size: Option<usize>,
    layer_norm_eps: Option<f64>,
    hidden_size: Option<usize>,
    intermediate_size: Option<usize>,
    num_attention_heads: Option<usize>,
    num_hidden_layers: Option<usize>,
    hidden_act: Option<String>,
    dim: Option<usize>,
    hidden_dim: Option<usize>,
    n_heads: Option<usize>,
    n_layers: Option<usize>,
    activation: Option<String>,
    position_embedding_type: Option<String>,
    is_decoder: Option<bool>,
}

/// The norms' epsilon in DistilBERT, which the configuration cannot change.
const EPSILON: f64 = 1e-12;

impl BertConfig {
    /// Reads a `config.json` with `model_type: bert`.
    pub(crate) fn bert(checkpoint: &Checkpoint) -> Result<Self> {
        let json: BertJson = checkpoint.require_json(CONFIG)?;
        json.bert(&settings(checkpoint), "")
    }

    /// Reads a `config.json` with `model_type: distilbert`.
    pub(crate) fn distilbert(checkpoint: &Checkpoint) -> Result<Self> {
        let json: BertJson = checkpoint.require_json(CONFIG)?;
        json.distilbert(&settings(checkpoint))
    }
}

fn settings(checkpoint: &Checkpoint) -> Settings {
    Settings {
        file: checkpoint.path_of(CONFIG),
    }
}

impl BertJson {
    /// Checks the settings. `section`, which ends in a dot, precedes their names in errors.
    pub(crate) fn bert(self, settings: &Settings, section: &str) -> Result<BertConfig> {
        let name = |setting: &str| format!("{section}{setting}");
        if let Some(type_) = self.position_embedding_type.filter(|it| it != "absolute") {
            let found = format!("`{type_}`");
            return Err(settings.refuse(&name("position_embedding_type"), found, "`absolute`"));
        }
        if self.is_decoder == Some(true) {
            return Err(settings.refuse(&name("is_decoder"), true, "false"));
        }
        let size = |setting: &str, found: Option<usize>, default| {
            settings.positive(&name(setting), found.unwrap_or(default))
        };
        let config = BertConfig {
            kind: BertKind::Bert {
                token_types: size("type_vocab_size", self.type_vocab_size, 2)?,
            },
            encoder: EncoderConfig {
                width: size("hidden_size", self.hidden_size, 768)?,
                inner: size("intermediate_size", self.intermediate_size, 3072)?,
                heads: size("num_attention_heads", self.num_attention_heads, 12)?,
                layers: size("num_hidden_layers", self.num_hidden_layers, 12)?,
                epsilon: self.layer_norm_eps.unwrap_or(EPSILON),
                activation: activation(
                    settings,
                    &name("hidden_act"),
                    self.hidden_act.as_deref().unwrap_or("gelu"),
                )?,
                layer_scale: false,
            },
            vocabulary: size("vocab_size", self.vocab_size, 30522)?,
            context: size("max_position_embeddings", self.max_position_embeddings, 512)?,
        };
        check_heads(&config, settings, &name("num_attention_heads"))?;
        Ok(config)
    }

    fn distilbert(self, settings: &Settings) -> Result<BertConfig> {
        let size = |setting: &str, found: Option<usize>, other: Option<usize>, default| {
            settings.positive(setting, found.or(other).unwrap_or(default))
        };
        let config = BertConfig {
            kind: BertKind::DistilBert,
            encoder: EncoderConfig {
                width: size("dim", self.dim, self.hidden_size, 768)?,
                inner: size("hidden_dim", self.hidden_dim, None, 3072)?,
                heads: size("n_heads", self.n_heads, self.num_attention_heads, 12)?,
                layers: size("n_layers", self.n_layers, self.num_hidden_layers, 6)?,
                epsilon: EPSILON,
                activation: activation(
                    settings,
                    "activation",
                    self.activation.as_deref().unwrap_or("gelu"),
                )?,
                layer_scale: false,
            },
            vocabulary: size("vocab_size", self.vocab_size, None, 30522)?,
            context: size(
                "max_position_embeddings",
                self.max_position_embeddings,
                None,
                512,
            )?,
        };
        check_heads(&config, settings, "n_heads")?;
        Ok(config)
    }
}

fn check_heads(config: &BertConfig, settings: &Settings, setting: &str) -> Result<()> {
    let EncoderConfig { width, heads, .. } = config.encoder;
    if width.is_multiple_of(heads) {
        return Ok(());
    }
    let expected = format!("a divisor of the width, {width}");
    Err(settings.refuse(setting, heads, &expected))
}
