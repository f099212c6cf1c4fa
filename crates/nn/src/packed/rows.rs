#![expect(unsafe_code, reason = "vector instructions")]

use std::borrow::Cow;

use rayon::prelude::*;

use super::{Matrix, Precision, vector::Vector};

/// The rows of a product's input, in lanes.
pub(crate) struct Rows<'a> {
    lanes: Cow<'a, [u32]>,
    count: usize,
    /// Lanes from one row to the next.
    stride: usize,
    /// For int8: scale and zero point of each row.
    scales: Vec<(f32, i32)>,
    outliers: Vec<Outlier>,
}

/// An input far larger than the others, which would take most of the bytes' range. It is left out of the bytes and
/// multiplied in f32, as in [LLM.int8()](https://arxiv.org/abs/2208.07339).
pub(super) struct Outlier {
    pub(super) input: usize,
    /// Its numbers, by row.
    pub(super) inputs: Vec<f32>,
}

/// An input is an outlier if its largest number exceeds the mean of all inputs' largest numbers this many times.
const OUTLIER_FACTOR: f32 = 4.0;

/// The most rows that a thread converts at a time.
const ROWS_AT_ONCE: usize = 16;

impl<'a> Rows<'a> {
    /// Converts rows of `numbers`, each with one number for every input of `matrix`, for a product with it.
    pub(crate) fn new(numbers: &'a [f32], matrix: &Matrix) -> Self {
        let (inputs, lanes) = (matrix.inputs(), matrix.inner_lanes());
        let count = numbers.len() / inputs;
        let precision = matrix.precision();
        if precision == Precision::F32 && !has_cache_conflicts(lanes) {
            return Self {
                lanes: Cow::Borrowed(bytemuck::cast_slice(numbers)),
                count,
                stride: lanes,
                scales: Vec::new(),
                outliers: Vec::new(),
            };
        }
        let stride = conflict_free_stride(lanes);
        let outliers = match precision {
            Precision::Int8 => outliers(numbers, matrix),
            _ => Vec::new(),
        };
        let places: Vec<usize> = outliers.iter().map(|outlier| outlier.input).collect();
        let (mut converted, mut scales) = (vec![0; count * stride], vec![(1.0, 0); count]);
        let at_once = count.div_ceil(rayon::current_num_threads());
        let at_once = at_once.clamp(1, ROWS_AT_ONCE);
        let blocks = converted
            .par_chunks_mut(at_once * stride)
            .zip(numbers.par_chunks(at_once * inputs))
            .zip(scales.par_chunks_mut(at_once));
        blocks.for_each(|((lanes, numbers), scales)| {
            let rows = lanes
                .chunks_exact_mut(stride)
                .zip(numbers.chunks_exact(inputs));
            for ((lanes, numbers), scale) in rows.zip(scales) {
                *scale = matrix.kernels().convert(precision, numbers, &places, lanes);
            }
        });
        Self {
            lanes: Cow::Owned(converted),
            count,
            stride,
            scales,
            outliers,
        }
    }

    /// `count` rows of f32 that begin `stride` numbers apart.
    pub(super) fn spaced(numbers: &'a [f32], count: usize, stride: usize) -> Self {
        Self {
            lanes: Cow::Borrowed(bytemuck::cast_slice(numbers)),
            count,
            stride,
            scales: Vec::new(),
            outliers: Vec::new(),
        }
    }

    /// Copies borrowed rows.
    pub(crate) fn into_owned(self) -> Rows<'static> {
        Rows {
            lanes: Cow::Owned(self.lanes.into_owned()),
            ..self
        }
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn stride(&self) -> usize {
        self.stride
    }

    pub(super) fn lanes(&self) -> &[u32] {
        &self.lanes
    }

    pub(super) fn scale(&self, row: usize) -> (f32, i32) {
        self.scales[row]
    }

    pub(super) fn outliers(&self) -> &[Outlier] {
        &self.outliers
    }
}

/// Whether consecutive rows of this many lanes compete for the same sets of the first-level cache. Addresses 4 KiB
/// apart share a set.
fn has_cache_conflicts(lanes: usize) -> bool {
    lanes.is_multiple_of(256)
}

/// The row stride, in lanes, that avoids this.
fn conflict_free_stride(lanes: usize) -> usize {
    lanes.next_multiple_of(16) + 16
}

/// Finds inputs whose largest number exceeds [`OUTLIER_FACTOR`] times the mean of all; at most one in 32.
fn outliers(numbers: &[f32], matrix: &Matrix) -> Vec<Outlier> {
    let inputs = matrix.inputs();
    let blocks = numbers.par_chunks(ROWS_AT_ONCE * inputs).map(|numbers| {
        let mut largest = vec![0.0; inputs];
        matrix.kernels().largest(numbers, &mut largest);
        largest
    });
    let largest = blocks.reduce_with(|mut one, other| {
        for (one, other) in one.iter_mut().zip(other) {
            *one = one.max(other);
        }
        one
    });
    let largest = largest.unwrap_or_default();
    let limit = OUTLIER_FACTOR * largest.iter().sum::<f32>() / inputs as f32;
    let mut found: Vec<usize> = (0..largest.len())
        .filter(|&input| largest[input] > limit)
        .collect();
    found.sort_by(|&one, &other| largest[other].total_cmp(&largest[one]));
    found.truncate(inputs / 32);
    let outlier = |input| Outlier {
        input,
        inputs: numbers
            .iter()
            .skip(input)
            .step_by(inputs)
            .copied()
            .collect(),
    };
    found.into_iter().map(outlier).collect()
}

/// Raises each of `largest` to the largest magnitude of its column in the rows `numbers`.
#[inline(always)]
pub(super) fn largest(numbers: &[f32], largest: &mut [f32]) {
    for row in numbers.chunks_exact(largest.len()) {
        for (largest, number) in largest.iter_mut().zip(row) {
            let number = number.abs();
            *largest = if number > *largest { number } else { *largest };
        }
    }
}

/// Writes the row `numbers` into `lanes` in `precision`, with 0 for the inputs `outliers`.
///
/// For int8, returns the row's scale and zero point.
#[inline(always)]
pub(super) fn convert(
    precision: Precision,
    numbers: &[f32],
    outliers: &[usize],
    lanes: &mut [u32],
) -> (f32, i32) {
    match precision {
        Precision::F32 => lanes[..numbers.len()].copy_from_slice(bytemuck::cast_slice(numbers)),
        Precision::Bf16 => {
            let halves: &mut [u16] = bytemuck::cast_slice_mut(lanes);
            for (half, number) in halves.iter_mut().zip(numbers) {
                *half = bf16(*number);
            }
        }
        Precision::Int8 => {
            let (low, high) = range(numbers, outliers);
            let scale = if high > low {
                (high - low) / 255.0
            } else {
                1.0
            };
            let zero = (-low / scale).round_ties_even();
            let bytes: &mut [u8] = bytemuck::cast_slice_mut(lanes);
            for (byte, number) in bytes.iter_mut().zip(numbers) {
                *byte = (rounded(number * (1.0 / scale) + zero, 0.0, 255.0) & 0xff) as u8;
            }
            for &input in outliers {
                bytes[input] = zero as u8;
            }
            return (scale, zero as i32);
        }
    }
    (1.0, 0)
}

/// Narrow rows to convert without a search for outliers.
pub(super) struct Narrow<'a> {
    pub(super) precision: Precision,
    /// All rows, one after another.
    pub(super) numbers: &'a [f32],
    /// Numbers in a row.
    pub(super) width: usize,
    /// Lanes from one row to the next.
    pub(super) stride: usize,
}

/// Lanes that [`Narrow::convert`] may write after the last row.
pub(super) const BEHIND: usize = 16;

impl Narrow<'_> {
    /// Writes the lanes of all rows in bf16 or int8 and pads the last lane of a row with zeros. For int8, `scales`
    /// receives the scale and zero point of each row.
    ///
    /// # Safety
    /// See [`Vector`].
    #[inline(always)]
    pub(super) unsafe fn convert<V: Vector>(&self, lanes: &mut [u32], scales: &mut [[f32; 2]]) {
        let (width, stride) = (self.width, self.stride);
        let rows = self.numbers.len() / width;
        assert!(V::LENGTH <= BEHIND && stride >= width.div_ceil(self.precision.in_lane()));
        assert!(rows <= scales.len() && lanes.len() >= rows * stride + BEHIND);
        for (row, scale) in scales.iter_mut().enumerate().take(rows) {
            let numbers = self.numbers[row * width..][..width].as_ptr();
            let to = lanes[row * stride..].as_mut_ptr();
            // A whole register may reach into the next row, which is written later, or beyond the last. SAFETY: by the
            // assertions, there are enough lanes; the rest as the caller promises.
            unsafe {
                match self.precision {
                    Precision::F32 => unreachable!("numbers are lanes already"),
                    Precision::Bf16 => {
                        for place in (0..width).step_by(V::LENGTH) {
                            let numbers: V = part(numbers, place, width);
                            numbers.store_halves(to.cast::<u16>().add(place));
                        }
                    }
                    Precision::Int8 => {
                        let (mut low, mut high) = (V::all(0.0), V::all(0.0));
                        for place in (0..width).step_by(V::LENGTH) {
                            let numbers: V = part(numbers, place, width);
                            (low, high) = (low.at_most(numbers), high.at_least(numbers));
                        }
                        let (low, high) = (low.least(), high.greatest());
                        let step = if high > low {
                            (high - low) / 255.0
                        } else {
                            1.0
                        };
                        let zero = (-low / step).round_ties_even();
                        let (by, zeros) = (V::all(1.0 / step), V::all(zero));
                        for place in (0..width).step_by(V::LENGTH) {
                            let numbers: V = part(numbers, place, width);
                            let bytes = numbers.times_plus(by, zeros);
                            bytes.store_bytes(to.cast::<u8>().add(place));
                        }
                        *scale = [step, zero];
                    }
                }
            }
        }
    }
}

/// Loads a register of numbers from `place` on, of a row of `width` numbers, and pads it with zeros.
#[inline(always)]
unsafe fn part<V: Vector>(numbers: *const f32, place: usize, width: usize) -> V {
    // SAFETY: as the caller promises.
    unsafe {
        if width - place < V::LENGTH {
            V::load_first(numbers.add(place), width - place)
        } else {
            V::load(numbers.add(place))
        }
    }
}

/// Rounds to the nearest integer within `low` and `high`. Loops over it compile to vector instructions.
#[inline(always)]
pub(super) fn rounded(number: f32, low: f32, high: f32) -> u32 {
    // Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let number = if number > low { number } else { low };
    let number = if number < high { number } else { high };
    (number + ROUND).to_bits()
}

/// Rounds `number` to the nearest bfloat16, ties to even.
#[inline(always)]
pub(super) fn bf16(number: f32) -> u16 {
    let bits = number.to_bits();
    (bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16) as u16
}

/// The least and the greatest of 0 and all `numbers` except outliers.
#[inline(always)]
fn range(numbers: &[f32], outliers: &[usize]) -> (f32, f32) {
    let mut copy;
    let numbers = match outliers {
        [] => numbers,
        _ => {
            copy = numbers.to_vec();
            for &input in outliers {
                copy[input] = 0.0;
            }
            &copy
        }
    };
    (
        extreme(numbers, |number, low| number < low),
        extreme(numbers, |number, high| number > high),
    )
}

/// The most extreme of 0 and `numbers` by `beyond`. Least and greatest are found in separate loops because the
/// compiler makes slow code of a common one.
#[inline(always)]
fn extreme(numbers: &[f32], beyond: impl Fn(f32, f32) -> bool) -> f32 {
    let further = |number, extreme| {
        if beyond(number, extreme) {
            number
        } else {
            extreme
        }
    };
    let mut extremes = [0.0; 64];
    let (blocks, rest) = numbers.as_chunks::<64>();
    for block in blocks {
        for (extreme, &number) in extremes.iter_mut().zip(block) {
            *extreme = further(number, *extreme);
        }
    }
    let all = rest.iter().chain(&extremes);
    all.fold(0.0, |extreme, &number| further(number, extreme))
}
