//! `config.json` of a `clipseek-mini` model; every setting is required.

use serde::Deserialize;

use crate::{Checkpoint, Error, Result, checkpoint::CONFIG};

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct MiniConfig {
    /// Length of the embeddings of both towers.
    pub(crate) projection_dim: usize,
    pub(crate) vision_config: VisionConfig,
    pub(crate) text_config: TextConfig,
    pub(crate) quantization_config: QuantizationConfig,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct QuantizationConfig {
    pub(crate) word_embeddings: GroupConfig,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct GroupConfig {
    /// Columns that share a scale.
    pub(crate) group_size: usize,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct VisionConfig {
    /// The picture's width and height in pixels.
    pub(crate) image_size: usize,
    pub(crate) stem: StemConfig,
    pub(crate) blocks: Vec<BlockConfig>,
    /// The index, from 0, of an earlier block whose output the head uses too.
    pub(crate) middle_block: usize,
    /// Output channels of the last convolution.
    pub(crate) head_channels: usize,
    pub(crate) num_classes: usize,
    pub(crate) perceptron_size: usize,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct StemConfig {
    pub(crate) output_channels: usize,
    pub(crate) kernel_size: usize,
    pub(crate) stride: usize,
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct BlockConfig {
    pub(crate) input_channels: usize,
    pub(crate) output_channels: usize,
    /// The factor by which the block expands its channels.
    pub(crate) expansion: usize,
    pub(crate) kernel_size: usize,
    pub(crate) stride: usize,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct TextConfig {
    pub(crate) vocab_size: usize,
    pub(crate) hidden_size: usize,
    pub(crate) num_hidden_layers: usize,
    pub(crate) num_attention_heads: usize,
    pub(crate) intermediate_size: usize,
    pub(crate) layer_norm_eps: f64,
    pub(crate) max_position_embeddings: usize,
    /// The number of last layers that the head uses, each as the mean over its tokens.
    pub(crate) mean_layers: usize,
    pub(crate) perceptron_size: usize,
}

impl MiniConfig {
    pub(crate) fn read(checkpoint: &Checkpoint) -> Result<Self> {
        let config: Self = checkpoint.require_json(CONFIG)?;
        let (vision, text) = (&config.vision_config, &config.text_config);
        let blocks = vision.blocks.len();
        let group = config.quantization_config.word_embeddings.group_size;
        let strides = vision
            .blocks
            .iter()
            .map(|block| block.stride)
            .chain([vision.stem.stride]);
        let checks = [
            (
                "vision_config.middle_block",
                vision.middle_block < blocks,
                "the index of a block",
            ),
            (
                "vision_config.blocks",
                strides.min() > Some(0),
                "with strides above 0",
            ),
            (
                "text_config.mean_layers",
                (1..=text.num_hidden_layers).contains(&text.mean_layers),
                "at least 1 and at most `num_hidden_layers`",
            ),
            (
                "text_config.num_attention_heads",
                divides(text.num_attention_heads, text.hidden_size),
                "a divisor of `hidden_size`",
            ),
            (
                "quantization_config.word_embeddings.group_size",
                group.is_multiple_of(2) && divides(group, text.hidden_size),
                "an even divisor of `hidden_size`",
            ),
        ];
        match checks.into_iter().find(|(_, holds, _)| !holds) {
            None => Ok(config),
            Some((setting, _, expected)) => Err(Error::Setting {
                file: checkpoint.path_of(CONFIG),
                setting: setting.to_owned(),
                found: "something else".to_owned(),
                expected: expected.to_owned(),
            }),
        }
    }
}

impl VisionConfig {
    /// Channels of the last block's output.
    pub(crate) fn last_channels(&self) -> usize {
        self.blocks.last().map_or(0, |block| block.output_channels)
    }

    /// Channels of the middle block's output.
    pub(crate) fn middle_channels(&self) -> usize {
        self.blocks
            .get(self.middle_block)
            .map_or(0, |block| block.output_channels)
    }
}

fn divides(divisor: usize, number: usize) -> bool {
    divisor != 0 && number.is_multiple_of(divisor)
}
