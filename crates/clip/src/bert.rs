//! BERT ([Devlin et al. 2018](https://arxiv.org/abs/1810.04805)) and DistilBERT ([Sanh et al.
//! 2019](https://arxiv.org/abs/1910.01108)) without pooling, equal to transformers'
//! [`BertModel`](https://github.com/huggingface/transformers/blob/main/src/transformers/models/bert/modeling_bert.py)
//! and
//! [`DistilBertModel`](https://github.com/huggingface/transformers/blob/main/src/transformers/models/distilbert/modeling_distilbert.py).
//! Each family that uses them pools in its own way.

mod config;
mod tokenizer;
mod transformer;

pub(crate) use config::{BertConfig, BertJson, BertKind};
pub(crate) use tokenizer::{TokenizerWishes, check_tokenizer, tokenizer};
pub(crate) use transformer::BertTransformer;
