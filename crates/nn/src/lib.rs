//! The operations that neural networks are made of, and the weights that they hold.
//!
//! [`Weights`] gives tensors by name and shape out of safetensors files and PyTorch's own. An operation is a struct that
//! holds its weights, such as [`Linear`], [`Attention`] or [`LayerNorm`]. `new(…, &Weights)` asks for the tensors it
//! needs, and `forward` takes candle tensors and returns a new one.
//!
//! A network is written once, over these operations. How an operation computes is its own affair. It has up to two
//! forms and picks one by its input:
//!
//! - **differentiable**: made of candle's tensor functions. It runs on every device, and gradients flow through it.
//! - **fused**: one pass over the memory of a CPU tensor, where candle needs five. It is picked when all tensors are f32,
//!   row-major and in the CPU's memory, and no gradient is wanted. The private module `kernel` says how such a form is
//!   written: it takes slices and gives a `Vec`, and never appears in a signature.
//!
//! Both forms give the same numbers up to rounding; each operation's tests compare them. More forms (weights packed once,
//! bf16, int8) go into the structs in the same way, so that networks stay as they are.
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
mod attention;
mod average_pool;
mod awake;
mod contents;
mod convolution;
mod cosines;
mod depthwise;
mod embedding;
mod error;
mod kernel;
mod layer_norm;
mod linear;
mod packed;
mod padded_convolution;
mod perceptron;
pub mod ragged;
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
pub use layer_norm::LayerNorm;
pub use linear::{Linear, Then};
pub use packed::{Arithmetic, Instructions, Precision};
pub use padded_convolution::{Finish, PaddedConvolution};
pub use perceptron::Perceptron;
pub use safetensors::Dtype;
pub use weights::{Part, Place, Stored, Weights, WeightsFile, WeightsFormat};
