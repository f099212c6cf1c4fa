#![expect(unsafe_code, reason = "vector instructions")]

use std::arch::aarch64::*;

use super::{Kernels, loops, tile, tiles};
use crate::packed::{Precision, vector::Vector};

/// 12 rows of two registers take 24 of the 32.
const F32: Kernels = kernels_of(
    false,
    tiles!(f32_tile, 2, [1 2 3 4 5 6 7 8 9 10 11 12]),
    tiles!(f32_tile, 1, [1 2 3 4 5 6 7 8 9 10 11 12]),
);
const BF16: Kernels = kernels_of(
    false,
    tiles!(bf16_tile, 2, [1 2 3 4 5 6 7 8 9 10 11 12]),
    tiles!(bf16_tile, 1, [1 2 3 4 5 6 7 8 9 10 11 12]),
);
const INT8: Kernels = kernels_of(
    true,
    tiles!(int8_tile, 2, [1 2 3 4 5 6 7 8 9 10 11 12]),
    tiles!(int8_tile, 1, [1 2 3 4 5 6 7 8 9 10 11 12]),
);

pub(super) fn kernels(precision: Precision) -> Kernels {
    match precision {
        Precision::F32 => F32,
        Precision::Bf16 => BF16,
        Precision::Int8 => INT8,
    }
}

/// Defines a tile with these registers.
macro_rules! own_tile {
    ($name:ident, $sum:ty, $zero:expr, $add:expr, $float:expr, $scaled:literal) => {
        tile!(
            $name,
            "neon",
            4,
            |place: *const u32| vld1q_u32(place),
            |lane: u32| vdupq_n_u32(lane),
            $sum,
            $zero,
            $add,
            float32x4_t,
            $float,
            $scaled
        );
    };
}

own_tile!(
    f32_tile,
    float32x4_t,
    vdupq_n_f32(0.0),
    |sum, row, panel| vfmaq_f32(
        sum,
        vreinterpretq_f32_u32(row),
        vreinterpretq_f32_u32(panel)
    ),
    |sum| sum,
    false
);
// A bf16 is the upper half of an f32.
own_tile!(
    bf16_tile,
    float32x4_t,
    vdupq_n_f32(0.0),
    |sum, row, panel| {
        let low = |lanes| vreinterpretq_f32_u32(vshlq_n_u32::<16>(lanes));
        let high = |lanes| vreinterpretq_f32_u32(vandq_u32(lanes, vdupq_n_u32(0xffff_0000)));
        let sum = vfmaq_f32(sum, low(row), low(panel));
        vfmaq_f32(sum, high(row), high(panel))
    },
    |sum| sum,
    false
);
own_tile!(
    int8_tile,
    int32x4_t,
    vdupq_n_s32(0),
    |sum, row, panel| {
        let row = vreinterpretq_u8_u32(row);
        let panel = vreinterpretq_s8_u32(panel);
        let wide = |bytes| vreinterpretq_s16_u16(vmovl_u8(bytes));
        let low = (wide(vget_low_u8(row)), vmovl_s8(vget_low_s8(panel)));
        let high = (wide(vget_high_u8(row)), vmovl_s8(vget_high_s8(panel)));
        // Sums pairs of products, then pairs of these sums.
        let pairs = |(row, panel)| {
            let first = vmull_s16(vget_low_s16(row), vget_low_s16(panel));
            let second = vmull_s16(vget_high_s16(row), vget_high_s16(panel));
            vpaddq_s32(first, second)
        };
        vaddq_s32(sum, vpaddq_s32(pairs(low), pairs(high)))
    },
    |sum| vcvtq_f32_s32(sum),
    true
);

loops!(
    #[target_feature(enable = "neon")]
    float32x4_t, width: 8, rows: 12);
