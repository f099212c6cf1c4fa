//! SigLIP ([Zhai et al. 2023](https://arxiv.org/abs/2303.15343)) and the models of SigLIP 2
//! ([Tschannen et al. 2025](https://arxiv.org/abs/2502.14786)) with one size of picture, which differ in their tokenizer
//! alone. Names and defaults are those of transformers'
//! [`SiglipModel`](https://github.com/huggingface/transformers/blob/main/src/transformers/models/siglip/modeling_siglip.py).

mod attention_pooling;
mod config;
mod text;
mod tokenizer;
mod vision;

pub(crate) use config::SiglipConfig;
pub(crate) use text::TextTower;
pub(crate) use tokenizer::{SiglipTokenizer, check_tokenizer, is_python_space, open_tokenizer};
pub(crate) use vision::VisionTower;
