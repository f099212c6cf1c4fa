//! The operations that towers are made of.
//!
//! A tower is written once, over these. Each operation is a struct that holds its weights, with
//! `new(…, &Weights)`, which asks the checkpoint for them by name and shape, and `forward`, which takes candle
//! tensors and returns a new one. How it computes is the operation's own affair, and is decided by its input:
//!
//! - **differentiable**: made of candle's own tensor functions. It runs on every device and can be trained through.
//! - **fused**: one pass over the memory of a CPU tensor, where candle would need five. Taken when the input lies on
//!   the CPU and no gradient is wanted ([`kernel::fusible`]). [`kernel`] says how such a form is written: it takes
//!   slices and gives a `Vec`, and never appears in a signature.
//!
//! Forms to come (weights packed once, bf16, int8) go into the structs in the same way; the towers stay as they are.
//!
//! Shapes: rows of tokens are `(tokens, width)`, all sequences of a batch one after another; [`Sequences`] says
//! where each begins. Pictures are `(batch, channels, height, width)` on the way in.

mod activation;
mod attention;
mod average_pool;
mod convolution;
mod depthwise;
mod embedding;
pub(crate) mod kernel;
mod layer_norm;
mod linear;
mod padded_convolution;

pub(crate) use activation::Activation;
pub(crate) use attention::{Attention, Sequences};
pub(crate) use average_pool::average_pool;
pub(crate) use convolution::PatchConvolution;
pub(crate) use depthwise::{DepthwiseConvolution, SameAxis};
pub(crate) use embedding::{Embedding, positions};
pub(crate) use layer_norm::LayerNorm;
pub(crate) use linear::Linear;
pub(crate) use padded_convolution::{Finish, PaddedConvolution};
