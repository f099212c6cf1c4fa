//! How the fused form of an operation reads and writes tensors.
//!
//! ```text
//! if kernel::fusible(&[input, &self.weight]) {
//!     return kernel::compute([input, &self.weight], input.shape(), |[input, weight]| {
//!         // `input` and `weight` are `&[f32]`, row-major; the result is a `Vec<f32>` of the shape given above.
//!     });
//! }
//! ```
//!
//! Loops run in parallel with [`for_each_row`], and matrix products with [`add_product`], both in rayon's pool. All
//! computation shares this pool.

mod product;

use candle_core::{DType, Device, Layout, Shape, Storage, Tensor, bail};
use pulp::Arch;
use rayon::prelude::*;

pub use self::product::Threads;
pub(crate) use self::product::{Matrix, add_product};
use crate::Result;

/// The smallest work, in numbers, worth handing to another thread.
const GRAIN: usize = 16 << 10;

/// Whether a fused form can take these tensors: f32, row-major, in the CPU's memory, and without a gradient.
pub(crate) fn fusible(inputs: &[&Tensor]) -> bool {
    let plain = |tensor: &Tensor| {
        tensor.device().is_cpu()
            && tensor.dtype() == DType::F32
            && tensor.is_contiguous()
            && !tensor.track_op()
    };
    inputs.iter().all(|tensor| plain(tensor))
}

/// Returns a new tensor of `shape` that `kernel` computes from the numbers of [`fusible`] `inputs`.
pub(crate) fn compute<const N: usize>(
    inputs: [&Tensor; N],
    shape: impl Into<Shape>,
    kernel: impl FnOnce([&[f32]; N]) -> Vec<f32>,
) -> Result<Tensor> {
    if inputs.iter().any(|input| input.track_op()) {
        refuse_gradients()?;
    }
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

fn refuse_gradients() -> candle_core::Result<()> {
    bail!("gradients do not flow through packed weights: use trainable weights")
}

/// Rejects a tensor of another shape. Fused forms rely on it because they write their whole result.
pub(crate) fn expect_shape(tensor: &Tensor, expected: &[usize]) -> Result<()> {
    if tensor.dims() != expected {
        let found = tensor.dims();
        return Err(candle_core::Error::msg(format!(
            "a tensor is {found:?}, expected {expected:?}"
        ))
        .into());
    }
    Ok(())
}

/// Calls `read` with the numbers of [`fusible`] `tensors`.
pub(crate) fn with_numbers<T>(tensors: &[&Tensor], read: impl FnOnce(&[&[f32]]) -> T) -> Result<T> {
    let storages: Vec<_> = tensors
        .iter()
        .map(|tensor| tensor.storage_and_layout())
        .collect();
    let numbers = storages
        .iter()
        .map(|(storage, layout)| numbers(storage, layout));
    Ok(read(&numbers.collect::<candle_core::Result<Vec<_>>>()?))
}

fn numbers<'a>(storage: &'a Storage, layout: &Layout) -> candle_core::Result<&'a [f32]> {
    match (storage, layout.contiguous_offsets()) {
        (Storage::Cpu(storage), Some((start, end))) => Ok(&storage.as_slice::<f32>()?[start..end]),
        _ => bail!("a fused operation takes row-major tensors in the CPU's memory"),
    }
}

/// Calls `change` with each row of `width` numbers and its index, on several threads if that pays.
///
/// The loop is compiled for each vector instruction set; `arch` selects one.
pub(crate) fn for_each_row(
    arch: Arch,
    numbers: &mut [f32],
    width: usize,
    change: impl Fn(usize, &mut [f32]) + Sync,
) {
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

/// The sum of `term` over `numbers`. 16 partial sums are faster than one and more exact.
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

/// The largest difference between two forms of an operation, for tests.
#[cfg(test)]
pub(crate) fn largest_difference(one: &Tensor, other: &Tensor) -> f32 {
    let off = (one - other).and_then(|off| off.abs()?.max_all()?.to_scalar::<f32>());
    off.unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_visited_once_with_its_index() {
        let (rows, width) = (40_001, 3);
        let mut numbers = vec![0.0; rows * width];
        for_each_row(Arch::new(), &mut numbers, width, |row, numbers| {
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
