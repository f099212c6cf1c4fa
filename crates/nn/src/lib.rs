//! The operations that neural networks are made of, and the weights that they hold.
//!
//! [`Weights`] gives tensors by name and shape out of safetensors files and PyTorch's own. An operation is a struct that
//! holds its weights, such as [`Linear`], [`Attention`] or [`LayerNorm`]. `new(…, &Weights)` asks for the tensors it
//! needs, and `forward` takes candle tensors and returns a new one.
//!
//! A network is written once, over these operations. How an operation computes is its own affair. It has up to two
//! forms:
//!
//! - **differentiable**: made of candle's tensor functions. It runs on every device, and gradients flow through it to weights
//!   that are [trainable](Weights::trainable).
//! - **fused**: for the processor alone, where nothing is to be trained. Elementwise work is one pass over memory where candle
//!   needs five (the private module `kernel`). Products have their weights laid out once for the instructions at hand, in f32,
//!   bf16 or int8, and what follows a product is done while its tile is in registers (the private module `packed`).
//!
//! A weight is kept in one form only, so that no copy can be out of date: as a leaf, or packed, or in its file, of which each
//! use packs a little at a time ([`Weights::streamed`]). All forms give the same
//! numbers up to the rounding of the [`Precision`]; each operation's tests compare them.
//!
//! Shapes: rows of tokens are `(tokens, width)`, all sequences of a batch one after another; [`Sequences`] says
//! where each begins. Pictures are `(batch, height, width, channels)`, except in [`PatchConvolution`].
//!
//! ```
//! use nn::{Activation, Linear};
//! use candle_core::{Device, Tensor};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let weight = Tensor::new(&[[1.0_f32, 2.0], [0.0, -1.0], [3.0, 0.0]], &Device::Cpu)?;
//! let linear = Linear::from_tensors(weight, None)?;
//! let input = Tensor::new(&[[1.0_f32, 1.0]], &Device::Cpu)?;
//! let output = linear.forward(&input)?;
//! assert_eq!(output.to_vec2::<f32>()?, [[3.0, -1.0, 3.0]]);
//! let output = Activation::Gelu.forward(&output)?;
//! assert_eq!(output.dims(), [1, 3]);
//! # Ok(())
//! # }
//! ```

mod activation;
mod apart;
mod attention;
mod average_pool;
mod awake;
mod contents;
mod convolution;
mod cosines;
mod depthwise;
mod embedding;
mod error;
mod inverted_bottleneck;
mod kernel;
mod layer_norm;
mod linear;
mod packed;
mod padded_convolution;
mod perceptron;
mod plane_convolution;
pub mod ragged;
#[cfg(test)]
mod random;
mod streamed_matrix;
mod weights;

pub use activation::Activation;
pub use attention::{Attention, Sequences};
pub use average_pool::average_pool;
pub use awake::awake;
pub use contents::Contents;
pub use convolution::PatchConvolution;
pub use cosines::cosines;
pub use depthwise::{DepthwiseConvolution, SameAxis};
pub use embedding::{Embedding, positions};
pub use error::{Error, PickleError, Result};
pub use inverted_bottleneck::{InvertedBottleneck, Widen};
pub use kernel::Threads;
pub use layer_norm::LayerNorm;
pub use linear::{Linear, Then};
pub use packed::{Arithmetic, Instructions, Precision};
pub use padded_convolution::{Finish, PaddedConvolution};
pub use perceptron::Perceptron;
pub use plane_convolution::PlaneConvolution;
pub use safetensors::Dtype;
pub use weights::{Part, Place, Stored, Weights, WeightsFile, WeightsFormat, write_tensors};
