//! SigLIP ([Zhai et al. 2023](https://arxiv.org/abs/2303.15343)) and SigLIP 2 ([Tschannen et al.
//! 2025](https://arxiv.org/abs/2502.14786)).
//!
//! SigLIP 2's fixed-size models differ only in their tokenizer; its NaFlex models take pictures of any proportions.
//! Names and defaults are those of transformers'
//! [`SiglipModel`](https://github.com/huggingface/transformers/blob/main/src/transformers/models/siglip/modeling_siglip.py)
//! and
//! [`Siglip2Model`](https://github.com/huggingface/transformers/blob/main/src/transformers/models/siglip2/modeling_siglip2.py).

mod attention_pooling;
mod config;
mod positions;
mod tokenizer;
mod vision;

pub(crate) use config::{CONTEXT_LIMIT, SiglipConfig};
pub(crate) use tokenizer::{check_tokenizer, is_python_space, open_tokenizer};
pub(crate) use vision::VisionTower;

use nn::{Result, TensorLocation, Weights};

use crate::clip::TextTransformer;

/// CLIP's text transformer with SigLIP's settings and another name for its projection.
pub(crate) fn text_tower(config: &SiglipConfig, weights: &Weights<'_>) -> Result<TextTransformer> {
    let weights = weights.clone().named(|name| {
        TensorLocation::whole(name.replacen("text_projection", "text_model.head", 1))
    });
    TextTransformer::new(&config.text, config.dimension(), &weights)
}
