//! The inverse DCT of whole blocks, by the arithmetic of libjpeg's `jidctint.c`: that of Loeffler, Ligtenberg and Moschytz
//! ("Practical Fast 1-D DCT Algorithms with 11 Multiplications", 1989), in fixed-point numbers.
//!
//! Blocks are transformed side by side, one in each lane, in plain loops that compilers turn into vector instructions.

use std::num::Wrapping;

use super::{
    frequencies::ZIGZAG,
    header::{BLOCK, COEFFICIENTS},
    scan::{Group, LANES},
};

/// Bits after the point of a constant.
const PRECISION: usize = 13;

/// Bits after the point of what the first pass gives.
const BETWEEN: usize = 2;

/// The samples of blocks side by side, row by row.
#[expect(
    clippy::needless_range_loop,
    reason = "compilers make lanes of this loop"
)]
#[inline(always)]
pub(super) fn samples(group: &Group) -> [[u8; LANES * BLOCK]; BLOCK] {
    let mut between = [[0; LANES]; COEFFICIENTS];
    for column in 0..BLOCK {
        for lane in 0..LANES {
            let mut frequencies = [Wrapping(0); BLOCK];
            for (row, frequency) in frequencies.iter_mut().enumerate() {
                let place = ZIGZAG[row * BLOCK + column];
                *frequency = Wrapping(i32::from(group.coefficients[place][lane]));
            }
            for (row, sum) in transform(frequencies).into_iter().enumerate() {
                const HALF: i32 = 1 << (PRECISION - BETWEEN - 1);
                between[row * BLOCK + column][lane] = (sum.0 + HALF) >> (PRECISION - BETWEEN);
            }
        }
    }
    let mut samples = [[0; LANES * BLOCK]; BLOCK];
    for (row, samples) in samples.iter_mut().enumerate() {
        let mut columns = [[0; LANES]; BLOCK];
        for lane in 0..LANES {
            let mut frequencies = [Wrapping(0); BLOCK];
            for (column, frequency) in frequencies.iter_mut().enumerate() {
                *frequency = Wrapping(between[row * BLOCK + column][lane]);
            }
            for (column, sum) in transform(frequencies).into_iter().enumerate() {
                columns[column][lane] = to_sample(sum.0);
            }
        }
        *samples = side_by_side(columns);
    }
    samples
}

/// A block's sample from the second pass's sum. What is too far beyond a sample's range comes back from the other end, as
/// libjpeg has it, too.
#[inline(always)]
fn to_sample(sum: i32) -> u8 {
    const FRACTION: usize = PRECISION + BETWEEN + 3;
    /// The bits of a number that libjpeg knows how to limit.
    const BITS: usize = 10;
    let above = i32::BITS as usize - BITS - FRACTION;
    let rounded = sum.wrapping_add(1 << (FRACTION - 1));
    let distance = rounded << above >> (above + FRACTION);
    (distance + 128).clamp(0, 255) as u8
}

/// Samples of a row by their places in a block, then by block, become a row of blocks. In three riffles: each moves the
/// upper bit of a sample's number to the lower end.
#[inline(always)]
fn side_by_side(samples: [[u8; LANES]; BLOCK]) -> [u8; LANES * BLOCK] {
    const { assert!(BLOCK == 8) };
    let mut row = [0; LANES * BLOCK];
    row.copy_from_slice(samples.as_flattened());
    for _ in 0..3 {
        let mut riffled = [0; LANES * BLOCK];
        let (upper, lower) = row.split_at(LANES * BLOCK / 2);
        let pairs = riffled.as_chunks_mut::<2>().0;
        for ((pair, &upper), &lower) in pairs.iter_mut().zip(upper).zip(lower) {
            *pair = [upper, lower];
        }
        row = riffled;
    }
    row
}

/// The inverse DCT in one direction.
///
/// The names are those of `jidctint.c`, and the constants its cosines times two to the power of [`PRECISION`].
#[inline(always)]
fn transform(frequencies: [Wrapping<i32>; BLOCK]) -> [Wrapping<i32>; BLOCK] {
    let [y0, y1, y2, y3, y4, y5, y6, y7] = frequencies;
    let constant = |number: i32| Wrapping(number);
    // The even part.
    let z1 = (y2 + y6) * constant(4_433);
    let (tmp2, tmp3) = (z1 - y6 * constant(15_137), z1 + y2 * constant(6_270));
    let (tmp0, tmp1) = ((y0 + y4) << PRECISION, (y0 - y4) << PRECISION);
    let (tmp10, tmp13) = (tmp0 + tmp3, tmp0 - tmp3);
    let (tmp11, tmp12) = (tmp1 + tmp2, tmp1 - tmp2);
    // The odd part.
    let z5 = (y7 + y3 + y5 + y1) * constant(9_633);
    let z1 = (y7 + y1) * constant(-7_373);
    let z2 = (y5 + y3) * constant(-20_995);
    let z3 = (y7 + y3) * constant(-16_069) + z5;
    let z4 = (y5 + y1) * constant(-3_196) + z5;
    let tmp0 = y7 * constant(2_446) + z1 + z3;
    let tmp1 = y5 * constant(16_819) + z2 + z4;
    let tmp2 = y3 * constant(25_172) + z2 + z3;
    let tmp3 = y1 * constant(12_299) + z1 + z4;
    [
        tmp10 + tmp3,
        tmp11 + tmp2,
        tmp12 + tmp1,
        tmp13 + tmp0,
        tmp13 - tmp0,
        tmp12 - tmp1,
        tmp11 - tmp2,
        tmp10 - tmp3,
    ]
}
