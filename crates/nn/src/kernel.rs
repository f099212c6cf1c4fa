//! How a fused form reads and writes tensors.
//!
//! ```text
//! if kernel::fusible(&[input, &self.weight]) {
//!     return kernel::compute([input, &self.weight], input.shape(), |[input, weight]| {
//!         // `input` and `weight` are `&[f32]`, row-major; the result is a `Vec<f32>` of the shape given above.
//!     });
//! }
//! ```
//!
//! Loops run in parallel by [`for_each_row`] and [`for_each_number`], in rayon's pool, as do matrix products
//! ([`add_product`]): there is one pool for all that computes.

mod product;

use candle_core::{DType, Device, Layout, Shape, Storage, Tensor, bail};
use pulp::Arch;
use rayon::prelude::*;

pub(crate) use self::product::{Matrix, Threads, add_product};
use crate::Result;

/// The least work, in numbers, worth handing to another thread.
const GRAIN: usize = 16 << 10;

/// Whether a fused form can take these tensors: f32, row-major, in the CPU's memory, and no gradient is wanted.
pub(crate) fn fusible(inputs: &[&Tensor]) -> bool {
    let plain = |tensor: &Tensor| {
        tensor.device().is_cpu()
            && tensor.dtype() == DType::F32
            && tensor.is_contiguous()
            && !tensor.track_op()
    };
    inputs.iter().all(|tensor| plain(tensor))
}

/// A new tensor of `shape`, computed by `kernel` from the numbers of `inputs`, which have to be [`fusible`].
pub(crate) fn compute<const N: usize>(
    inputs: [&Tensor; N],
    shape: impl Into<Shape>,
    kernel: impl FnOnce([&[f32]; N]) -> Vec<f32>,
) -> Result<Tensor> {
    let storages = inputs.map(Tensor::storage_and_layout);
    let mut slices = [&[][..]; N];
    for (slice, (storage, layout)) in slices.iter_mut().zip(&storages) {
        *slice = numbers(storage, layout)?;
    }
    Ok(Tensor::from_vec(
        kernel(slices),
        shape.into(),
        &Device::Cpu,
    )?)
}

fn numbers<'a>(storage: &'a Storage, layout: &Layout) -> candle_core::Result<&'a [f32]> {
    match (storage, layout.contiguous_offsets()) {
        (Storage::Cpu(storage), Some((start, end))) => Ok(&storage.as_slice::<f32>()?[start..end]),
        _ => bail!("a fused operation takes row-major tensors in the CPU's memory"),
    }
}

/// Calls `change` with each row of `width` numbers and its index, on several threads when there is enough to do.
///
/// The loop is compiled for each vector instruction set, and one is picked when it runs.
pub(crate) fn for_each_row(
    numbers: &mut [f32],
    width: usize,
    change: impl Fn(usize, &mut [f32]) + Sync,
) {
    let arch = Arch::new();
    let rows_at_once = GRAIN.div_ceil(width);
    let blocks = numbers.par_chunks_mut(rows_at_once * width).enumerate();
    blocks.for_each(|(block, rows)| {
        arch.dispatch(|| {
            for (row, numbers) in rows.chunks_exact_mut(width).enumerate() {
                change(block * rows_at_once + row, numbers);
            }
        });
    });
}

/// Replaces each number by `function` of it, in the way of [`for_each_row`].
pub(crate) fn for_each_number(numbers: &mut [f32], function: impl Fn(f32) -> f32 + Sync) {
    let arch = Arch::new();
    numbers.par_chunks_mut(GRAIN).for_each(|block| {
        arch.dispatch(|| {
            for number in block.iter_mut() {
                *number = function(*number);
            }
        });
    });
}

/// The matrix in `numbers`, with rows of `columns` numbers, by columns.
pub(crate) fn transpose(numbers: &[f32], columns: usize) -> Vec<f32> {
    // In bands of columns, whose rows of output stay in the cache.
    const BAND: usize = 32;
    let rows = numbers.len() / columns;
    let mut output = vec![0.0; numbers.len()];
    let bands = output.par_chunks_mut(BAND * rows).enumerate();
    bands.for_each(|(band, output)| {
        let wanted = band * BAND..columns.min((band + 1) * BAND);
        for (row, numbers) in numbers.chunks_exact(columns).enumerate() {
            for (column, number) in numbers[wanted.clone()].iter().enumerate() {
                output[column * rows + row] = *number;
            }
        }
    });
    output
}

/// The sum of `term` over `numbers`, in 16 partial sums: quicker than in order, and more exact.
#[inline]
pub(crate) fn sum(numbers: &[f32], term: impl Fn(f32) -> f32) -> f32 {
    let (blocks, rest) = numbers.as_chunks::<16>();
    let mut partial = [0.0; 16];
    for block in blocks {
        for (sum, number) in partial.iter_mut().zip(block) {
            *sum += term(*number);
        }
    }
    partial.iter().sum::<f32>() + rest.iter().map(|number| term(*number)).sum::<f32>()
}

/// e to the power of `x`, within 2 units in the last place; a loop over it compiles to vector instructions, which a
/// loop over `f32::exp` does not.
///
/// The method is Cephes' `expf`: x = n ln 2 + r, the polynomial for e^r, and n into the exponent's bits.
#[inline]
pub(crate) fn exp(x: f32) -> f32 {
    // Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits.
    const ROUND: f32 = 12_582_912.0;
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let x = x.clamp(-87.0, 88.0);
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = (x - n * LN2_HIGH) - n * LN2_LOW;
    let mut polynomial = 1.987_569_1e-4_f32;
    for coefficient in [
        1.398_199_9e-3,
        8.333_452e-3,
        4.166_579_6e-2,
        1.666_666_5e-1,
        0.5,
    ] {
        polynomial = polynomial * r + coefficient;
    }
    let power = polynomial * r * r + r + 1.0;
    let scale = (rounded.to_bits() << 23).wrapping_add(1.0_f32.to_bits());
    power * f32::from_bits(scale)
}

/// How far the forms of an operation are from each other, for their tests.
#[cfg(test)]
pub(crate) fn largest_difference(one: &Tensor, other: &Tensor) -> f32 {
    let off = (one - other).and_then(|off| off.abs()?.max_all()?.to_scalar::<f32>());
    off.unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_within_two_units_in_the_last_place() {
        for step in -86_000..88_000 {
            let x = step as f32 * 1e-3;
            let expected = x.exp();
            let off = (exp(x) - expected).abs() / expected;
            assert!(
                off <= 2.0 * f32::EPSILON,
                "exp({x}) is {}, expected {expected}",
                exp(x)
            );
        }
    }

    #[test]
    fn exp_stays_finite() {
        assert!(exp(f32::NEG_INFINITY) < 1e-37);
        assert!(exp(f32::INFINITY).is_finite());
    }

    #[test]
    fn transposed_twice_is_the_same() {
        let numbers: Vec<f32> = (0..70 * 41).map(|number| number as f32).collect();
        let turned = transpose(&numbers, 41);
        assert_eq!(turned[..3], [0.0, 41.0, 82.0]);
        assert_eq!(transpose(&turned, 70), numbers);
    }

    #[test]
    fn every_row_is_visited_once_with_its_index() {
        let (rows, width) = (40_001, 3);
        let mut numbers = vec![0.0; rows * width];
        for_each_row(&mut numbers, width, |row, numbers| {
            numbers
                .iter_mut()
                .for_each(|number| *number += row as f32 + 1.0);
        });
        assert!(
            numbers
                .chunks(width)
                .enumerate()
                .all(|(row, numbers)| numbers == [row as f32 + 1.0; 3])
        );
    }
}
