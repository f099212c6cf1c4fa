//! Operations of neural networks, and the weights that they hold.
//!
//! [`Weights`] reads tensors by name and shape from safetensors and PyTorch files. An operation is a struct that owns
//! its weights, such as [`Linear`], [`Attention`] or [`LayerNorm`]. Its `new(…, &Weights)` reads the tensors that it
//! needs; its `forward` takes candle tensors and returns a new one.
//!
//! A network is written once, over these operations. Each operation has up to two forms:
//!
//! - **differentiable**: built from candle's tensor functions. It runs on every device, and gradients flow through it
//!   to weights that are [trainable](Weights::trainable).
//! - **fused**: for inference on the CPU. Elementwise work takes one pass over memory where candle needs five (private
//!   module `kernel`). Products use weights that are packed once for the processor's instructions, in f32, bf16 or
//!   int8. Bias and activation are applied while a tile is in registers (private module `packed`).
//!
//! Each weight exists in one form only, so no copy can be out of date: as a leaf tensor, packed, or in its file, from
//! which each use packs a part at a time ([`Weights::streamed`]). All forms give the same numbers up to the rounding
//! of the [`Precision`]; each operation's tests compare them.
//!
//! Shapes: rows of tokens are `(tokens, width)`, all sequences of a batch one after another; [`Sequences`] holds their
//! lengths. Pictures are `(batch, height, width, channels)`, except in [`PatchConvolution`] and [`PlaneConvolution`].
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
mod attention;
mod average_pool;
mod awake_threads;
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
mod reserved_core;
mod streamed_matrix;
mod weights;

pub use activation::Activation;
pub use attention::{Attention, Sequences};
pub use average_pool::average_pool;
pub use awake_threads::with_awake_threads;
pub use contents::Contents;
pub use convolution::PatchConvolution;
pub use cosines::cosines;
pub use depthwise::{DepthwiseConvolution, SameAxis};
pub use embedding::{Embedding, positions};
pub use error::{Error, PickleError, Result};
pub use inverted_bottleneck::{Expansion, InvertedBottleneck};
pub use kernel::Threads;
pub use layer_norm::LayerNorm;
pub use linear::{Linear, Then};
pub use packed::{Arithmetic, Instructions, Precision};
pub use padded_convolution::{Finish, PaddedConvolution};
pub use perceptron::Perceptron;
pub use plane_convolution::PlaneConvolution;
pub use safetensors::Dtype;
pub use weights::{
    Part, Stored, TensorLocation, Weights, WeightsFile, WeightsFormat, write_tensors,
};
