//! Text towers of sentence-transformers that share a CLIP model's embedding space, such as
//! [clip-ViT-B-32-multilingual-v1](https://huggingface.co/sentence-transformers/clip-ViT-B-32-multilingual-v1)
//! ([Reimers and Gurevych 2020](https://arxiv.org/abs/2004.09813)): a transformer, pooling, and further steps. They
//! have no vision tower; the CLIP model embeds the pictures.

mod config;
mod dense;
mod pooling;
mod tower;

pub(crate) use config::SentenceConfig;
pub(crate) use tower::SentenceTower;
