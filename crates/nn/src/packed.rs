//! Products with weights that were laid out once, for this processor.
//!
//! A [`Matrix`] holds weights in the order in which the innermost loops ([`kernel`]) read them, in f32, bf16 or int8.
//! [`Rows`] hold the input in the same lanes and are made for each product. [`multiply`] is the product. Bias, activation and
//! the sum with another tensor follow while a tile is in the cache. A [`Bottleneck`] is two products and what lies between them,
//! whose tiles become outputs in their registers.

use std::sync::OnceLock;

mod activation;
mod attention;
mod bottleneck;
mod finish;
mod kernel;
mod matrix;
mod normalisation;
mod product;
mod room;
mod rows;
mod vector;

pub(crate) use activation::activate;
pub(crate) use attention::{Heads, Queries};
pub(crate) use bottleneck::{Bottleneck, Source, learned};
pub(crate) use finish::Finish;
pub(crate) use matrix::Matrix;
pub(crate) use normalisation::normalise;
pub(crate) use product::{multiply, multiply_twice};
pub(crate) use room::Aligned;
pub(crate) use rows::Rows;

/// In what numbers products are computed; sums are of f32, or exact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Precision {
    /// As the checkpoint has them.
    #[default]
    F32,
    /// Inputs and weights rounded to bfloat16: 8 bits of mantissa.
    Bf16,
    /// Inputs as bytes, with a scale and a zero of each row; weights as bytes, with a scale of each output.
    Int8,
}

impl Precision {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::F32, Self::Bf16, Self::Int8];

    /// The quicker of f32 and bf16 with `instructions` on this processor: bf16 where these have products of it, as AVX-512 on
    /// processors with `avx512_bf16`, which all that have AMX are. Elsewhere bf16 is widened to f32 first.
    pub fn quickest(instructions: Instructions) -> Self {
        match instructions {
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 if is_x86_feature_detected!("avx512bf16") => Self::Bf16,
            _ => Self::F32,
        }
    }

    /// What to call it: `f32`, `bf16` or `int8`.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::Int8 => "int8",
        }
    }

    /// The precision of that [name](Self::name).
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

/// How products are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arithmetic {
    /// In what numbers.
    pub precision: Precision,
    /// With which instructions.
    pub instructions: Instructions,
}

impl Default for Arithmetic {
    /// In f32, with the [best](Instructions::best) instructions.
    fn default() -> Self {
        Self {
            precision: Precision::F32,
            instructions: Instructions::best(),
        }
    }
}

/// The vector instructions that products are computed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instructions {
    /// Registers of 512 bits; with `avx512_bf16` and `avx512_vnni` where the processor has them.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// Registers of 256 bits and fused multiply-add; with `avx_vnni` where the processor has it.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// Those of every 64-bit ARM processor.
    #[cfg(target_arch = "aarch64")]
    Neon,
    /// What the compiler makes of plain loops.
    Portable,
}

impl Instructions {
    /// What they are called, on processors of every kind.
    pub const NAMES: [&str; 4] = ["avx512", "avx2", "neon", "portable"];

    /// What to call it: one of [`NAMES`](Self::NAMES).
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

    /// All that this processor has, the quickest first.
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

    /// The quickest that this processor has.
    pub fn best() -> Self {
        static BEST: OnceLock<Instructions> = OnceLock::new();
        *BEST.get_or_init(|| Self::available().first().copied().unwrap_or(Self::Portable))
    }

    /// These, or the quickest where the processor lacks them.
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
