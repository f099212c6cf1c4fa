#![expect(unsafe_code, reason = "vector instructions")]

use std::arch::x86_64::*;

use super::{Kernels, Tile, loops, tiles};
use crate::packed::Precision;

/// 6 rows of two registers are 12 of the 16.
const F32: Kernels = kernels_of(
    tiles!(f32_tile, 2, [1 2 3 4 5 6]),
    tiles!(f32_tile, 1, [1 2 3 4 5 6]),
);
const BF16: Kernels = kernels_of(
    tiles!(bf16_tile, 2, [1 2 3 4 5 6]),
    tiles!(bf16_tile, 1, [1 2 3 4 5 6]),
);
const INT8: Kernels = kernels_of(
    tiles!(int8_tile, 2, [1 2 3 4 5 6]),
    tiles!(int8_tile, 1, [1 2 3 4 5 6]),
);
const INT8_VNNI: Kernels = kernels_of(
    tiles!(vnni_tile, 2, [1 2 3 4 5 6]),
    tiles!(vnni_tile, 1, [1 2 3 4 5 6]),
);

const fn kernels_of(whole: &'static [Tile], half: &'static [Tile]) -> Kernels {
    Kernels {
        width: 16,
        rows: 6,
        whole,
        half,
        finish,
        convert,
        largest,
        pack,
        softmax,
        normalise,
        activate,
    }
}

pub(super) fn kernels(precision: Precision) -> Kernels {
    match precision {
        Precision::F32 => F32,
        Precision::Bf16 => BF16,
        Precision::Int8 if is_x86_feature_detected!("avxvnni") => INT8_VNNI,
        Precision::Int8 => INT8,
    }
}

/// A tile whose sums start as `$zero` and to which `$add(sum, row, panel)` adds the products of a lane.
macro_rules! tile {
    ($name:ident, $features:literal, $sum:ty, $zero:expr, $add:expr) => {
        #[target_feature(enable = $features)]
        unsafe fn $name<const ROWS: usize, const VECTORS: usize>(
            rows: *const u32,
            stride: usize,
            panel: *const u32,
            lanes: usize,
            sums: *mut u32,
            more: bool,
        ) {
            let mut totals = [[$zero; VECTORS]; ROWS];
            // SAFETY: as the caller promises of `rows`, `panel` and `sums`.
            unsafe {
                if more {
                    for (index, total) in totals.as_flattened_mut().iter_mut().enumerate() {
                        let sum = sums.add(index * 8).cast::<[u32; 8]>();
                        *total = std::mem::transmute_copy(&*sum);
                    }
                }
                for lane in 0..lanes {
                    let panel = panel.add(lane * VECTORS * 8);
                    let mut weights = [_mm256_setzero_si256(); VECTORS];
                    for (vector, weights) in weights.iter_mut().enumerate() {
                        *weights = _mm256_loadu_si256(panel.add(vector * 8).cast());
                    }
                    for (row, totals) in totals.iter_mut().enumerate() {
                        let input =
                            _mm256_set1_epi32((*rows.add(row * stride + lane)).cast_signed());
                        for (total, weights) in totals.iter_mut().zip(weights) {
                            *total = $add(*total, input, weights);
                        }
                    }
                }
                for (index, total) in totals.as_flattened().iter().enumerate() {
                    sums.add(index * 8)
                        .cast::<[u32; 8]>()
                        .write_unaligned(std::mem::transmute::<$sum, [u32; 8]>(*total));
                }
            }
        }
    };
}

tile!(
    f32_tile,
    "avx2,fma",
    __m256,
    _mm256_setzero_ps(),
    |sum, row, panel| _mm256_fmadd_ps(_mm256_castsi256_ps(row), _mm256_castsi256_ps(panel), sum)
);
// A bf16 is the upper half of an f32.
tile!(
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
    }
);
// Unlike `vpmaddubsw`, this does not saturate: bytes become 16 bits first.
tile!(
    int8_tile,
    "avx2",
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
    }
);
tile!(
    vnni_tile,
    "avx2,avxvnni",
    __m256i,
    _mm256_setzero_si256(),
    |sum, row, panel| _mm256_dpbusd_avx_epi32(sum, row, panel)
);

loops!(
    #[target_feature(enable = "avx2,fma")]
    __m256
);
