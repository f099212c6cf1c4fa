//! Chinese CLIP ([Yang et al. 2022](https://arxiv.org/abs/2211.01335)), as transformers'
//! [`ChineseCLIPModel`](https://github.com/huggingface/transformers/blob/main/src/transformers/models/chinese_clip/modeling_chinese_clip.py):
//! CLIP whose text tower is a BERT.

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

/// What `config.json` says of both towers.
pub(crate) struct ChineseConfig {
    /// Of whose two towers that for pictures is meant.
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
            file: checkpoint.place(CONFIG),
        };
        let text = json.text_config_dict.or(json.text_config);
        Ok(Self {
            clip: ClipConfig::for_pictures(checkpoint)?,
            text: text.unwrap_or_default().bert(&settings, "text_config.")?,
        })
    }
}

/// The text tower: its first token stands for the text.
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

    /// Texts as token ids, every one at its own length → (texts, projection).
    pub(crate) fn forward(&self, texts: &[Vec<u32>]) -> nn::Result<Tensor> {
        let first = |hidden: &Tensor, lengths: &[usize]| {
            ragged::pool(hidden, lengths, |tokens| tokens.get(0))
        };
        self.projection
            .forward(&self.transformer.forward(texts, first)?)
    }
}
