#![cfg_attr(
    target_arch = "x86_64",
    expect(unsafe_code, reason = "instructions that not every processor has")
)]

use super::{
    passes::{self, Grid},
    weights::Weights,
};

/// The same passes, compiled for the best instructions that this processor has.
pub(super) fn resize(
    source: Grid<'_>,
    columns: &Weights,
    rows: &Weights,
    is_vertical_first: bool,
) -> Vec<u8> {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has just been asked for AVX2.
        return unsafe { resize_avx2(source, columns, rows, is_vertical_first) };
    }
    passes::resize(source, columns, rows, is_vertical_first)
}

/// The baseline of x86-64 has no multiplication of 32-bit numbers in vectors; AVX2 makes the
/// passes more than twice as fast.
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
