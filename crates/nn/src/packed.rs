//! Products with weights that are packed once for this processor.
//!
//! A [`Matrix`] holds weights in the order in which the innermost loops ([`kernel`]) read them, in f32, bf16 or int8.
//! [`Rows`] hold a product's input in the same lanes. [`multiply`] computes the product, then bias, activation and
//! addition while a tile is in the cache. A [`Bottleneck`] fuses two products and the convolution between them.

use std::sync::OnceLock;

mod activation;
mod attention;
mod bottleneck;
mod epilogue;
mod kernel;
mod matrix;
mod normalisation;
mod product;
mod rows;
mod scratch;
mod vector;

pub(crate) use activation::activate;
pub(crate) use attention::{Heads, Queries};
pub(crate) use bottleneck::{Bottleneck, Source, learned};
pub(crate) use epilogue::Epilogue;
pub(crate) use matrix::Matrix;
pub(crate) use normalisation::normalise;
pub(crate) use product::{multiply, multiply_twice};
pub(crate) use rows::Rows;
pub(crate) use scratch::Aligned;

/// The number format of products. Sums are f32, or exact integers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Precision {
    /// 32-bit floats, like the checkpoint's weights after loading.
    #[default]
    F32,
    /// Inputs and weights rounded to bfloat16, with 8 significant bits.
    Bf16,
    /// Inputs as bytes with a scale and a zero point per row, weights as bytes with a scale per output.
    Int8,
}

impl Precision {
    /// All precisions.
    pub const ALL: [Self; 3] = [Self::F32, Self::Bf16, Self::Int8];

    /// The faster of f32 and bf16 with `instructions` on this processor.
    ///
    /// bf16 is faster only where the instructions multiply it, as AVX-512 with `avx512_bf16` does (every processor
    /// with AMX has it). Elsewhere bf16 is widened to f32 first.
    pub fn quickest(instructions: Instructions) -> Self {
        match instructions {
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 if is_x86_feature_detected!("avx512bf16") => Self::Bf16,
            _ => Self::F32,
        }
    }

    /// Its name: `f32`, `bf16` or `int8`.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::Int8 => "int8",
        }
    }

    /// Returns the precision with this [name](Self::name).
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|precision| precision.name() == name)
    }

    /// Numbers in a lane of 32 bits.
    fn in_lane(self) -> usize {
        match self {
            Self::F32 => 1,
            Self::Bf16 => 2,
            Self::Int8 => 4,
        }
    }
}

/// The precision and instructions of products.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arithmetic {
    /// The number format.
    pub precision: Precision,
    /// The vector instructions.
    pub instructions: Instructions,
}

impl Default for Arithmetic {
    /// f32 with the [best](Instructions::best) instructions.
    fn default() -> Self {
        Self {
            precision: Precision::F32,
            instructions: Instructions::best(),
        }
    }
}

/// The vector instructions for products.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instructions {
    /// 512-bit registers; also `avx512_bf16` and `avx512_vnni` if the processor has them.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// 256-bit registers and fused multiply-add; also `avx_vnni` if the processor has it.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// 128-bit registers, on every 64-bit ARM processor.
    #[cfg(target_arch = "aarch64")]
    Neon,
    /// Plain loops, as vectorised by the compiler.
    Portable,
}

impl Instructions {
    /// The names of all instructions, on any processor.
    pub const NAMES: [&str; 4] = ["avx512", "avx2", "neon", "portable"];

    /// Its name: one of [`NAMES`](Self::NAMES).
    pub fn name(self) -> &'static str {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => "avx2",
            #[cfg(target_arch = "aarch64")]
            Self::Neon => "neon",
            Self::Portable => "portable",
        }
    }

    /// All instructions of this processor, fastest first.
    pub fn available() -> Vec<Self> {
        let all = [
            #[cfg(target_arch = "x86_64")]
            Self::Avx512,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2,
            #[cfg(target_arch = "aarch64")]
            Self::Neon,
            Self::Portable,
        ];
        all.into_iter().filter(|set| set.is_there()).collect()
    }

    /// The fastest instructions of this processor.
    pub fn best() -> Self {
        static BEST: OnceLock<Instructions> = OnceLock::new();
        *BEST.get_or_init(|| Self::available().first().copied().unwrap_or(Self::Portable))
    }

    /// These instructions, or the best if the processor lacks them.
    fn or_best(self) -> Self {
        if self.is_there() { self } else { Self::best() }
    }

    fn is_there(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
                    && Self::Avx2.is_there()
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "aarch64")]
            Self::Neon => true,
            Self::Portable => true,
        }
    }
}
