//! `config.json` of a `clipseek-mini` model; every setting has to be there.

use serde::Deserialize;

use crate::{Checkpoint, Result, checkpoint::CONFIG};

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct MiniConfig {
    /// Length of the vectors that both towers end in.
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
    /// Width and height of the picture.
    pub(crate) image_size: usize,
    pub(crate) stem: StemConfig,
    pub(crate) blocks: Vec<BlockConfig>,
    /// The block whose output, averaged over the picture, the head sees as well.
    pub(crate) middle_block: usize,
    /// Outputs of the last convolution.
    pub(crate) head_channels: usize,
    pub(crate) num_classes: usize,
    pub(crate) pooling_heads: usize,
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
    /// How many times more channels there are inside the block.
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
    pub(crate) pooling_heads: usize,
    pub(crate) perceptron_size: usize,
}

impl MiniConfig {
    pub(crate) fn read(checkpoint: &Checkpoint) -> Result<Self> {
        checkpoint.require_json(CONFIG)
    }
}
