//! Chinese CLIP ([Yang et al. 2022](https://arxiv.org/abs/2211.01335)), equal to transformers'
//! [`ChineseCLIPModel`](https://github.com/huggingface/transformers/blob/main/src/transformers/models/chinese_clip/modeling_chinese_clip.py):
//! CLIP with a BERT as text tower.

use candle_core::Tensor;
use nn::{Linear, Weights, ragged};
use serde::Deserialize;

use crate::{
    Checkpoint, Result,
    bert::{BertConfig, BertJson, BertTransformer},
    checkpoint::CONFIG,
    clip::ClipConfig,
    config::Settings,
};

/// The settings of both towers from `config.json`.
pub(crate) struct ChineseConfig {
    /// The settings of the vision tower; those of its text tower are unused.
    pub(crate) clip: ClipConfig,
    pub(crate) text: BertConfig,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ChineseJson {
    text_config: Option<BertJson>,
    text_config_dict: Option<BertJson>,
}

impl ChineseConfig {
    pub(crate) fn read(checkpoint: &Checkpoint) -> Result<Self> {
        let json: ChineseJson = checkpoint.require_json(CONFIG)?;
        let settings = Settings {
            file: checkpoint.path_of(CONFIG),
        };
        let text = json.text_config_dict.or(json.text_config);
        Ok(Self {
            clip: ClipConfig::for_pictures(checkpoint)?,
            text: text.unwrap_or_default().bert(&settings, "text_config.")?,
        })
    }
}

/// The text tower, which pools the first token.
pub(crate) struct ChineseTextTower {
    transformer: BertTransformer,
    projection: Linear,
}

impl ChineseTextTower {
    pub(crate) fn new(config: &ChineseConfig, weights: &Weights<'_>) -> nn::Result<Self> {
        let projection = weights.below("text_projection");
        Ok(Self {
            transformer: BertTransformer::new(&config.text, &weights.below("text_model"))?,
            projection: Linear::without_bias(
                config.text.encoder.width,
                config.clip.projection,
                &projection,
            )?,
        })
    }

    /// Token ids of texts, without padding → (texts, projection).
    pub(crate) fn forward(&self, texts: &[Vec<u32>]) -> nn::Result<Tensor> {
        let first = |hidden: &Tensor, lengths: &[usize]| {
            ragged::pool(hidden, lengths, |tokens| tokens.get(0))
        };
        self.projection
            .forward(&self.transformer.forward(texts, first)?)
    }
}
