#![expect(unsafe_code, reason = "vector instructions")]

use std::arch::x86_64::*;

use super::{Kernels, loops, tile, tiles};
use crate::packed::{Precision, vector::Vector};

/// 6 rows of two registers take 12 of the 16.
const F32: Kernels = kernels_of(
    false,
    tiles!(f32_tile, 2, [1 2 3 4 5 6]),
    tiles!(f32_tile, 1, [1 2 3 4 5 6]),
);
const BF16: Kernels = kernels_of(
    false,
    tiles!(bf16_tile, 2, [1 2 3 4 5 6]),
    tiles!(bf16_tile, 1, [1 2 3 4 5 6]),
);
const INT8: Kernels = kernels_of(
    true,
    tiles!(int8_tile, 2, [1 2 3 4 5 6]),
    tiles!(int8_tile, 1, [1 2 3 4 5 6]),
);
const INT8_VNNI: Kernels = kernels_of(
    true,
    tiles!(vnni_tile, 2, [1 2 3 4 5 6]),
    tiles!(vnni_tile, 1, [1 2 3 4 5 6]),
);

pub(super) fn kernels(precision: Precision) -> Kernels {
    match precision {
        Precision::F32 => F32,
        Precision::Bf16 => BF16,
        Precision::Int8 if is_x86_feature_detected!("avxvnni") => INT8_VNNI,
        Precision::Int8 => INT8,
    }
}

/// Defines a tile with these registers.
macro_rules! own_tile {
    ($name:ident, $features:literal, $sum:ty, $zero:expr, $add:expr, $float:expr, $scaled:literal) => {
        tile!(
            $name,
            $features,
            8,
            |place: *const u32| _mm256_loadu_si256(place.cast()),
            |lane: u32| _mm256_set1_epi32(lane.cast_signed()),
            $sum,
            $zero,
            $add,
            __m256,
            $float,
            $scaled
        );
    };
}

own_tile!(
    f32_tile,
    "avx2,fma",
    __m256,
    _mm256_setzero_ps(),
    |sum, row, panel| _mm256_fmadd_ps(_mm256_castsi256_ps(row), _mm256_castsi256_ps(panel), sum),
    |sum| sum,
    false
);
// A bf16 is the upper half of an f32.
own_tile!(
    bf16_tile,
    "avx2,fma",
    __m256,
    _mm256_setzero_ps(),
    |sum, row, panel| {
        let low = |lanes| _mm256_castsi256_ps(_mm256_slli_epi32::<16>(lanes));
        let high =
            |lanes| _mm256_castsi256_ps(_mm256_and_si256(lanes, _mm256_set1_epi32(-0x1_0000)));
        let sum = _mm256_fmadd_ps(low(row), low(panel), sum);
        _mm256_fmadd_ps(high(row), high(panel), sum)
    },
    |sum| sum,
    false
);
// Unlike `vpmaddubsw`, this does not saturate: it first widens bytes to 16 bits.
own_tile!(
    int8_tile,
    "avx2,fma",
    __m256i,
    _mm256_setzero_si256(),
    |sum, row, panel| {
        let even_row = _mm256_and_si256(row, _mm256_set1_epi16(0xff));
        let odd_row = _mm256_srli_epi16::<8>(row);
        let even_panel = _mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(panel));
        let odd_panel = _mm256_srai_epi16::<8>(panel);
        let even = _mm256_madd_epi16(even_row, even_panel);
        let odd = _mm256_madd_epi16(odd_row, odd_panel);
        _mm256_add_epi32(sum, _mm256_add_epi32(even, odd))
    },
    |sum| _mm256_cvtepi32_ps(sum),
    true
);
own_tile!(
    vnni_tile,
    "avx2,fma,avxvnni",
    __m256i,
    _mm256_setzero_si256(),
    |sum, row, panel| _mm256_dpbusd_avx_epi32(sum, row, panel),
    |sum| _mm256_cvtepi32_ps(sum),
    true
);

loops!(
    #[target_feature(enable = "avx2,fma")]
    __m256, width: 16, rows: 6);
