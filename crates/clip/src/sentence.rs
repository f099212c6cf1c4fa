//! Text towers of sentence-transformers over the space of a CLIP model, as
//! [clip-ViT-B-32-multilingual-v1](https://huggingface.co/sentence-transformers/clip-ViT-B-32-multilingual-v1)
//! ([Reimers and Gurevych 2020](https://arxiv.org/abs/2004.09813)): a transformer, pooling, and steps behind it.
//! Such a model has no vision tower; pictures are those of the CLIP model whose space it was taught.

mod config;
mod dense;
mod pooling;
mod tower;

pub(crate) use config::SentenceConfig;
pub(crate) use tower::SentenceTower;
