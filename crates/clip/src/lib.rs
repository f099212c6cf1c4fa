//! CLIP embeddings of pictures and texts.
//!
//! A [`Checkpoint`] holds the files of a Hugging Face model. A [`Model`] loaded from it embeds texts and pictures as
//! unit vectors; the dot product of two is their cosine similarity. [`ZeroShot`] classifies pictures by labels. A
//! model's files determine everything: sizes, activation, preprocessing, tokenizer.
//!
//! ```
//! use clip::{Checkpoint, Model};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let directory = std::path::Path::new("tests/fixtures/quick-gelu");
//! let model = Model::load(Checkpoint::open(directory)?)?;
//!
//! let file = picture::Picture::from_rgb(2, 1, vec![255, 0, 0, 250, 10, 10])?.to_png();
//! let picture = model.embed_bytes(&file, &picture::Limits::default())?;
//! let text = model.embed_text("a red picture")?;
//! let cosine: f32 = picture.iter().zip(&text).map(|(one, other)| one * other).sum();
//! assert!((-1.0..=1.0).contains(&cosine));
//! # Ok(())
//! # }
//! ```

mod architecture;
mod bert;
mod checkpoint;
mod chinese;
mod cleaning;
mod clip;
mod config;
mod device;
mod encoder;
mod error;
mod fingerprint;
mod lazy;
mod mini;
mod model;
mod modules;
mod open_clip;
mod post_norm;
mod preprocessor;
mod resnet;
mod scoring;
mod sentence;
mod sentencepiece;
mod siglip;
mod template;
mod tokenizer;
mod trainable;
mod zero_shot;

pub use checkpoint::Checkpoint;
pub use device::Device;
pub use error::{Error, Result};
pub use model::{Description, Model, Prepared};
pub use nn::cosines;
pub use nn::{Arithmetic, Instructions, Precision};
pub use preprocessor::Pixels;
pub use scoring::Scoring;
pub use template::Template;
pub use trainable::{Tower, Trainable};
pub use zero_shot::{LabelScore, ZeroShot};
