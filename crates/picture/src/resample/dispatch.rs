#![cfg_attr(
    target_arch = "x86_64",
    expect(unsafe_code, reason = "instructions that not every processor has")
)]

use super::{
    passes::{self, Grid},
    weights::Weights,
};

/// [`passes::resize`], compiled for the best instructions of this processor.
pub(super) fn resize(
    source: Grid<'_>,
    columns: &Weights,
    rows: &Weights,
    is_vertical_first: bool,
) -> Vec<u8> {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: AVX2 was just detected.
        return unsafe { resize_avx2(source, columns, rows, is_vertical_first) };
    }
    passes::resize(source, columns, rows, is_vertical_first)
}

/// Baseline x86-64 cannot multiply 32-bit numbers in vectors; AVX2 makes the passes more than twice as fast.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn resize_avx2(
    source: Grid<'_>,
    columns: &Weights,
    rows: &Weights,
    is_vertical_first: bool,
) -> Vec<u8> {
    passes::resize(source, columns, rows, is_vertical_first)
}
