use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::{Arithmetic, Instructions, Precision, kernel::Kernels};
use crate::kernel::sum;

/// The smallest work, in numbers, worth handing to another thread.
const GRAIN: usize = 16 << 10;

/// Normalises every row of `input` to mean 0 and variance 1, times `weight`, plus `bias`. Rows are as long as these.
pub(crate) fn normalise(
    input: &[f32],
    weight: &[f32],
    bias: &[f32],
    epsilon: f32,
    instructions: Instructions,
) -> Vec<f32> {
    let kernels = Kernels::of(Arithmetic {
        precision: Precision::F32,
        instructions,
    });
    let width = weight.len();
    assert!(
        width == bias.len() && input.len().is_multiple_of(width),
        "the rows are as long as the weight and the bias"
    );
    let at_once = GRAIN.div_ceil(width.max(1)) * width;
    let mut output = Vec::with_capacity(input.len());
    let room = &mut output.spare_capacity_mut()[..input.len()];
    let blocks = room.par_chunks_mut(at_once).zip(input.par_chunks(at_once));
    blocks.for_each(|(output, input)| {
        let rows = output
            .chunks_exact_mut(width)
            .zip(input.chunks_exact(width));
        for (output, input) in rows {
            kernels.normalise(input, weight, bias, epsilon, output);
        }
    });
    // SAFETY: `normalise` writes all numbers of a row.
    #[expect(unsafe_code, reason = "the loop initialises the whole buffer")]
    unsafe {
        output.set_len(input.len());
    }
    output
}

/// Normalises one row.
#[inline(always)]
pub(super) fn normalise_row(
    input: &[f32],
    weight: &[f32],
    bias: &[f32],
    epsilon: f32,
    output: &mut [MaybeUninit<f32>],
) {
    let count = input.len() as f32;
    let mean = sum(input, |number| number) / count;
    let variance = sum(input, |number| (number - mean) * (number - mean)) / count;
    let scale = 1.0 / (variance + epsilon).sqrt();
    let learned = weight.iter().zip(bias);
    for ((output, number), (weight, bias)) in output.iter_mut().zip(input).zip(learned) {
        output.write((number - mean) * scale * weight + bias);
    }
}
