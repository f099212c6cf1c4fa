#![expect(unsafe_code, reason = "vector instructions")]

use std::arch::x86_64::*;

use super::{Kernels, loops, tile, tiles};
use crate::packed::{Precision, vector::Vector};

/// 14 rows of two registers take 28 of the 32; two hold the panel's lanes, one the row's.
const F32: Kernels = kernels_of(
    false,
    tiles!(f32_tile, 2, [1 2 3 4 5 6 7 8 9 10 11 12 13 14]),
    tiles!(f32_tile, 1, [1 2 3 4 5 6 7 8 9 10 11 12 13 14]),
);
const BF16: Kernels = kernels_of(
    false,
    tiles!(bf16_tile, 2, [1 2 3 4 5 6 7 8 9 10 11 12 13 14]),
    tiles!(bf16_tile, 1, [1 2 3 4 5 6 7 8 9 10 11 12 13 14]),
);
const INT8: Kernels = kernels_of(
    true,
    tiles!(int8_tile, 2, [1 2 3 4 5 6 7 8 9 10 11 12 13 14]),
    tiles!(int8_tile, 1, [1 2 3 4 5 6 7 8 9 10 11 12 13 14]),
);

/// `None` if the processor lacks the part of AVX-512 that `precision` needs.
pub(super) fn kernels(precision: Precision) -> Option<Kernels> {
    let (there, kernels) = match precision {
        Precision::F32 => (true, F32),
        Precision::Bf16 => (is_x86_feature_detected!("avx512bf16"), BF16),
        Precision::Int8 => (is_x86_feature_detected!("avx512vnni"), INT8),
    };
    there.then_some(kernels)
}

/// Defines a tile with these registers.
macro_rules! own_tile {
    ($name:ident, $features:literal, $sum:ty, $zero:expr, $add:expr, $float:expr, $scaled:literal) => {
        tile!(
            $name,
            $features,
            16,
            |place: *const u32| {
                // Addresses beyond the panel are only prefetched, never read.
                _mm_prefetch::<_MM_HINT_T0>(place.wrapping_add(AHEAD).cast());
                _mm512_loadu_si512(place.cast())
            },
            |lane: u32| _mm512_set1_epi32(lane.cast_signed()),
            $sum,
            $zero,
            $add,
            __m512,
            $float,
            $scaled
        );
    };
}

/// How many lanes ahead of its use a panel is prefetched.
const AHEAD: usize = 32 * 16;

own_tile!(
    f32_tile,
    "avx512f",
    __m512,
    _mm512_setzero_ps(),
    |sum, row, panel| _mm512_fmadd_ps(_mm512_castsi512_ps(row), _mm512_castsi512_ps(panel), sum),
    |sum| sum,
    false
);
own_tile!(
    bf16_tile,
    "avx512f,avx512bf16",
    __m512,
    _mm512_setzero_ps(),
    |sum, row: __m512i, panel: __m512i| _mm512_dpbf16_ps(
        sum,
        std::mem::transmute::<__m512i, __m512bh>(row),
        std::mem::transmute::<__m512i, __m512bh>(panel)
    ),
    |sum| sum,
    false
);
own_tile!(
    int8_tile,
    "avx512f,avx512vnni",
    __m512i,
    _mm512_setzero_si512(),
    |sum, row, panel| _mm512_dpbusd_epi32(sum, row, panel),
    |sum| _mm512_cvtepi32_ps(sum),
    true
);

loops!(
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,fma,avx2")]
    __m512, width: 32, rows: 14);
