#![expect(unsafe_code, reason = "vector instructions")]

use std::arch::x86_64::*;

use super::{Kernels, Tile, loops, tiles};
use crate::packed::Precision;

/// 14 rows of two registers are 28 of the 32; two hold the panel's lanes, one the row's.
const F32: Kernels = kernels_of(
    tiles!(f32_tile, 2, [1 2 3 4 5 6 7 8 9 10 11 12 13 14]),
    tiles!(f32_tile, 1, [1 2 3 4 5 6 7 8 9 10 11 12 13 14]),
);
const BF16: Kernels = kernels_of(
    tiles!(bf16_tile, 2, [1 2 3 4 5 6 7 8 9 10 11 12 13 14]),
    tiles!(bf16_tile, 1, [1 2 3 4 5 6 7 8 9 10 11 12 13 14]),
);
const INT8: Kernels = kernels_of(
    tiles!(int8_tile, 2, [1 2 3 4 5 6 7 8 9 10 11 12 13 14]),
    tiles!(int8_tile, 1, [1 2 3 4 5 6 7 8 9 10 11 12 13 14]),
);

const fn kernels_of(whole: &'static [Tile], half: &'static [Tile]) -> Kernels {
    Kernels {
        width: 32,
        rows: 14,
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

/// `None` where the processor lacks the part of AVX-512 that `precision` needs.
pub(super) fn kernels(precision: Precision) -> Option<Kernels> {
    let (there, kernels) = match precision {
        Precision::F32 => (true, F32),
        Precision::Bf16 => (is_x86_feature_detected!("avx512bf16"), BF16),
        Precision::Int8 => (is_x86_feature_detected!("avx512vnni"), INT8),
    };
    there.then_some(kernels)
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
            /// How far ahead of its use a panel is asked for, in lanes of a register.
            const AHEAD: usize = 32 * 16;
            let mut totals = [[$zero; VECTORS]; ROWS];
            // SAFETY: as the caller promises of `rows`, `panel` and `sums`; what lies beyond is only asked for.
            unsafe {
                if more {
                    for (index, total) in totals.as_flattened_mut().iter_mut().enumerate() {
                        let sum = sums.add(index * 16).cast::<[u32; 16]>();
                        *total = std::mem::transmute_copy(&*sum);
                    }
                }
                for lane in 0..lanes {
                    let panel = panel.add(lane * VECTORS * 16);
                    let mut weights = [_mm512_setzero_si512(); VECTORS];
                    for (vector, weights) in weights.iter_mut().enumerate() {
                        *weights = _mm512_loadu_si512(panel.add(vector * 16).cast());
                        _mm_prefetch::<_MM_HINT_T0>(panel.wrapping_add(vector * 16 + AHEAD).cast());
                    }
                    for (row, totals) in totals.iter_mut().enumerate() {
                        let input =
                            _mm512_set1_epi32((*rows.add(row * stride + lane)).cast_signed());
                        for (total, weights) in totals.iter_mut().zip(weights) {
                            *total = $add(*total, input, weights);
                        }
                    }
                }
                for (index, total) in totals.as_flattened().iter().enumerate() {
                    sums.add(index * 16)
                        .cast::<[u32; 16]>()
                        .write_unaligned(std::mem::transmute::<$sum, [u32; 16]>(*total));
                }
            }
        }
    };
}

tile!(
    f32_tile,
    "avx512f",
    __m512,
    _mm512_setzero_ps(),
    |sum, row, panel| _mm512_fmadd_ps(_mm512_castsi512_ps(row), _mm512_castsi512_ps(panel), sum)
);
tile!(
    bf16_tile,
    "avx512f,avx512bf16",
    __m512,
    _mm512_setzero_ps(),
    |sum, row: __m512i, panel: __m512i| _mm512_dpbf16_ps(
        sum,
        std::mem::transmute::<__m512i, __m512bh>(row),
        std::mem::transmute::<__m512i, __m512bh>(panel)
    )
);
tile!(
    int8_tile,
    "avx512f,avx512vnni",
    __m512i,
    _mm512_setzero_si512(),
    |sum, row, panel| _mm512_dpbusd_epi32(sum, row, panel)
);

loops!(
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,fma,avx2")]
    __m512
);
