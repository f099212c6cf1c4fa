//! SigLIP ([Zhai et al. 2023](https://arxiv.org/abs/2303.15343)) and the models of SigLIP 2
//! ([Tschannen et al. 2025](https://arxiv.org/abs/2502.14786)). The latter with one size of picture differ in their
//! tokenizer alone; those named NaFlex take pictures of any proportions. Names and defaults are those of transformers'
//! [`SiglipModel`](https://github.com/huggingface/transformers/blob/main/src/transformers/models/siglip/modeling_siglip.py)
//! and
//! [`Siglip2Model`](https://github.com/huggingface/transformers/blob/main/src/transformers/models/siglip2/modeling_siglip2.py).

mod attention_pooling;
mod config;
mod positions;
mod text;
mod tokenizer;
mod vision;

pub(crate) use config::SiglipConfig;
pub(crate) use text::TextTower;
pub(crate) use tokenizer::{SiglipTokenizer, check_tokenizer, open_tokenizer};
pub(crate) use vision::VisionTower;
