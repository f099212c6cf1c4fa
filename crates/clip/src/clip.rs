//! CLIP ([Radford et al. 2021](https://arxiv.org/abs/2103.00020)), equal to transformers'
//! [`CLIPModel`](https://github.com/huggingface/transformers/blob/main/src/transformers/models/clip/modeling_clip.py).
//! Other families reuse its transformers with other sizes and names of weights.

mod config;
mod projection;
mod text;
mod tokenizer;
mod vision;

pub(crate) use config::{ClipConfig, TextConfig, TextPooling, VisionConfig, VisionPooling};
pub(crate) use projection::Projection;
pub(crate) use text::TextTransformer;
pub(crate) use tokenizer::{check_tokenizer, simple_tokenizer, tokenizer};
pub(crate) use vision::VisionTransformer;
