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
    /// Of int8, by row: what its bytes are multiplied by, and which byte stands for 0.
    scales: Vec<(f32, i32)>,
    outliers: Vec<Outlier>,
}

/// An input that is far larger than the others: it would take the bytes' range from all of them, and is left out of
/// these and multiplied as it is, as in [LLM.int8()](https://arxiv.org/abs/2208.07339).
pub(super) struct Outlier {
    pub(super) input: usize,
    /// Its numbers, by row.
    pub(super) inputs: Vec<f32>,
}

/// How many times the mean of all inputs' largest numbers an outlier's is.
const STANDS_OUT: f32 = 4.0;

/// The most rows that one thread converts at a time.
const ROWS_AT_ONCE: usize = 16;

impl<'a> Rows<'a> {
    /// `numbers`, of which each row has as many as `matrix` has inputs, for a product with it.
    pub(crate) fn new(numbers: &'a [f32], matrix: &Matrix) -> Self {
        let (inputs, lanes) = (matrix.inputs(), matrix.inner_lanes());
        let count = numbers.len() / inputs;
        let precision = matrix.precision();
        if precision == Precision::F32 && !lies_badly(lanes) {
            return Self {
                lanes: Cow::Borrowed(bytemuck::cast_slice(numbers)),
                count,
                stride: lanes,
                scales: Vec::new(),
                outliers: Vec::new(),
            };
        }
        let stride = spread(lanes);
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

    /// In f32, `count` rows that begin `stride` numbers apart.
    pub(super) fn spaced(numbers: &'a [f32], count: usize, stride: usize) -> Self {
        Self {
            lanes: Cow::Borrowed(bytemuck::cast_slice(numbers)),
            count,
            stride,
            scales: Vec::new(),
            outliers: Vec::new(),
        }
    }

    /// The same, of which nothing is borrowed.
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

/// Whether rows of so many lanes, one behind the other, fall into few places of the first cache: those that are 4 KiB
/// apart share one.
fn lies_badly(lanes: usize) -> bool {
    lanes.is_multiple_of(256)
}

/// The distance at which rows of so many lanes lie well.
fn spread(lanes: usize) -> usize {
    lanes.next_multiple_of(16) + 16
}

/// Those inputs whose largest number is more than [`STANDS_OUT`] times that of the others, on average; one in 32 at the
/// most.
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
    let limit = STANDS_OUT * largest.iter().sum::<f32>() / inputs as f32;
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

/// Raises each of `largest` to the magnitude of the number at its place in every row.
#[inline(always)]
pub(super) fn largest(numbers: &[f32], largest: &mut [f32]) {
    for row in numbers.chunks_exact(largest.len()) {
        for (largest, number) in largest.iter_mut().zip(row) {
            let number = number.abs();
            *largest = if number > *largest { number } else { *largest };
        }
    }
}

/// Writes the row `numbers` into `lanes` in `precision`, and tells, for int8, what its bytes are multiplied by and which
/// of them stands for 0. The inputs `outliers` are written as 0.
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

/// Rows of numbers that become lanes, without a look at outliers: for rows that are narrow.
pub(super) struct Narrow<'a> {
    pub(super) precision: Precision,
    /// Those of each row, one row after another.
    pub(super) numbers: &'a [f32],
    /// Numbers of a row.
    pub(super) width: usize,
    /// Lanes from one row to the next.
    pub(super) stride: usize,
}

/// Lanes that [`Narrow::convert`] may write behind the last row.
pub(super) const BEHIND: usize = 16;

impl Narrow<'_> {
    /// Writes the lanes of all rows in bf16 or int8, with zeros where the last is not full. Of int8, `scales` are what the bytes
    /// of each row are multiplied by, and which of them stands for 0.
    ///
    /// # Safety
    /// As of [`Vector`].
    #[inline(always)]
    pub(super) unsafe fn convert<V: Vector>(&self, lanes: &mut [u32], scales: &mut [[f32; 2]]) {
        let (width, stride) = (self.width, self.stride);
        let rows = self.numbers.len() / width;
        assert!(V::LENGTH <= BEHIND && stride >= width.div_ceil(self.precision.in_lane()));
        assert!(rows <= scales.len() && lanes.len() >= rows * stride + BEHIND);
        for (row, scale) in scales.iter_mut().enumerate().take(rows) {
            let numbers = self.numbers[row * width..][..width].as_ptr();
            let to = lanes[row * stride..].as_mut_ptr();
            // A whole register may reach into the next row, which is written afterwards, or behind the last.
            // SAFETY: the assertions say that there are so many lanes; and as the caller promises.
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

/// The register of numbers from `place` on, of which there are `width` from the first; and zeros.
#[inline(always)]
unsafe fn part<V: Vector>(numbers: *const f32, place: usize, width: usize) -> V {
    // SAFETY: as the caller promises.
    unsafe {
        match width - place < V::LENGTH {
            true => V::load_first(numbers.add(place), width - place),
            false => V::load(numbers.add(place)),
        }
    }
}

/// The nearest integer within `low` and `high`; a loop over it compiles to vector instructions.
#[inline(always)]
pub(super) fn rounded(number: f32, low: f32, high: f32) -> u32 {
    // Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let number = if number > low { number } else { low };
    let number = if number < high { number } else { high };
    (number + ROUND).to_bits()
}

/// `number` rounded to bfloat16: to the nearest, and to the even one of two that are equally near.
#[inline(always)]
pub(super) fn bf16(number: f32) -> u16 {
    let bits = number.to_bits();
    (bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16) as u16
}

/// The least and the greatest of 0 and those of `numbers` that are no outliers.
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

/// The one of 0 and of `numbers` that goes `beyond` all others. One of the two at a time: of both in one loop, the compiler
/// makes slow instructions.
#[inline(always)]
fn extreme(numbers: &[f32], beyond: impl Fn(f32, f32) -> bool) -> f32 {
    let further = |number, extreme| match beyond(number, extreme) {
        true => number,
        false => extreme,
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
