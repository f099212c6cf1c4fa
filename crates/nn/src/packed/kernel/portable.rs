#![expect(unsafe_code, reason = "the same signature as with vector instructions")]

use super::{Kernels, loops, tiles};
use crate::packed::{Precision, epilogue::TileEpilogue, vector::Plain};

const VECTOR: usize = 4;

const F32: Kernels = kernels_of(
    false,
    tiles!(f32_tile, 2, [1 2 3 4]),
    tiles!(f32_tile, 1, [1 2 3 4]),
);
const BF16: Kernels = kernels_of(
    false,
    tiles!(bf16_tile, 2, [1 2 3 4]),
    tiles!(bf16_tile, 1, [1 2 3 4]),
);
const INT8: Kernels = kernels_of(
    true,
    tiles!(int8_tile, 2, [1 2 3 4]),
    tiles!(int8_tile, 1, [1 2 3 4]),
);

pub(super) fn kernels(precision: Precision) -> Kernels {
    match precision {
        Precision::F32 => F32,
        Precision::Bf16 => BF16,
        Precision::Int8 => INT8,
    }
}

/// Defines a tile with sums of the type `$sum`; `$add(sum, row, panel)` adds the products of a lane.
macro_rules! tile {
    ($name:ident, $sum:ty, $add:expr, $float:expr, $scaled:literal) => {
        unsafe fn $name<const ROWS: usize, const VECTORS: usize>(
            rows: *const u32,
            stride: usize,
            panel: *const u32,
            lanes: usize,
            sums: *mut u32,
            more: bool,
            ending: Option<&TileEpilogue<'_>>,
        ) {
            let mut totals = [[[<$sum>::default(); VECTOR]; VECTORS]; ROWS];
            // SAFETY: as the caller promises of `rows`, `panel` and `sums`.
            unsafe {
                let sums = sums.cast::<[[[$sum; VECTOR]; VECTORS]; ROWS]>();
                if more {
                    totals = sums.read_unaligned();
                }
                for lane in 0..lanes {
                    let weights = panel
                        .cast::<[[u32; VECTOR]; VECTORS]>()
                        .add(lane)
                        .read_unaligned();
                    for (row, totals) in totals.iter_mut().enumerate() {
                        let input = *rows.add(row * stride + lane);
                        let weights = weights.as_flattened().iter();
                        for (total, weights) in totals.as_flattened_mut().iter_mut().zip(weights) {
                            *total = $add(*total, input, *weights);
                        }
                    }
                }
                if let Some(ending) = ending {
                    let numbers = totals.map(|totals| totals.map(|sums| Plain(sums.map($float))));
                    ending.write::<Plain, ROWS, VECTORS, $scaled>(&numbers);
                    return;
                }
                sums.write_unaligned(totals);
            }
        }
    };
}

tile!(
    f32_tile,
    f32,
    |sum: f32, row, panel| { sum + f32::from_bits(row) * f32::from_bits(panel) },
    |sum| sum,
    false
);
// A bf16 is the upper half of an f32.
tile!(
    bf16_tile,
    f32,
    |sum: f32, row: u32, panel: u32| {
        let low = |lane| f32::from_bits(lane << 16);
        let high = |lane| f32::from_bits(lane & 0xffff_0000);
        sum + low(row) * low(panel) + high(row) * high(panel)
    },
    |sum| sum,
    false
);
tile!(
    int8_tile,
    i32,
    |sum: i32, row: u32, panel: u32| {
        let bytes = row.to_le_bytes().into_iter().zip(panel.to_le_bytes());
        bytes.fold(sum, |sum, (row, panel)| {
            sum + i32::from(row) * i32::from(panel.cast_signed())
        })
    },
    |sum| sum as f32,
    true
);

loops!(Plain, width: 2 * VECTOR, rows: 4);
