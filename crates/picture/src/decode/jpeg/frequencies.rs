use std::f64::consts::PI;

use super::{
    header::{BLOCK, COEFFICIENTS},
    scan::{Group, LANES},
};

/// For each coefficient of a block, row by row, its place in zigzag order (ITU T.81, figure A.6).
pub(super) const ZIGZAG: [usize; COEFFICIENTS] = [
    0, 1, 5, 6, 14, 15, 27, 28, 2, 4, 7, 13, 16, 26, 29, 42, 3, 8, 12, 17, 25, 30, 41, 43, 9, 11,
    18, 24, 31, 40, 44, 53, 10, 19, 23, 32, 39, 45, 52, 54, 20, 22, 33, 38, 46, 51, 55, 60, 21, 34,
    37, 47, 50, 56, 59, 61, 35, 36, 48, 49, 57, 58, 62, 63,
];

/// A number of each block.
type Lanes = [f32; LANES];

/// The inverse DCT of fewer samples than a block has, from as many of its lowest frequencies each way.
///
/// It is A.3.3 of T.81 with the smaller numbers of samples, and factors that keep the mean.
pub(super) struct Frequencies {
    across: [[f32; BLOCK]; BLOCK],
    down: [[f32; BLOCK]; BLOCK],
}

impl Frequencies {
    /// For blocks of `across` by `down` samples.
    pub(super) fn new(across: usize, down: usize) -> Frequencies {
        Frequencies {
            across: cosines(across),
            down: cosines(down),
        }
    }

    /// The samples of blocks side by side, row by row, as distances from the middle.
    #[inline(always)]
    pub(super) fn distances<const ACROSS: usize, const DOWN: usize>(
        &self,
        group: &Group,
    ) -> [[Lanes; ACROSS]; DOWN] {
        let mut samples = [[[0.0; LANES]; ACROSS]; DOWN];
        for (row, samples) in samples.iter_mut().enumerate() {
            for column in 0..ACROSS {
                let mut frequency = [0.0; LANES];
                for (index, cosines) in self.down.iter().take(DOWN).enumerate() {
                    let coefficients = group.coefficients[ZIGZAG[index * BLOCK + column]];
                    for (sum, coefficient) in frequency.iter_mut().zip(coefficients) {
                        *sum += f32::from(coefficient) * cosines[row];
                    }
                }
                for (sums, cosine) in samples.iter_mut().zip(self.across[column]) {
                    add(sums, &frequency, cosine);
                }
            }
        }
        samples
    }
}

#[inline(always)]
fn add(sums: &mut Lanes, numbers: &Lanes, factor: f32) {
    for (sum, number) in sums.iter_mut().zip(numbers) {
        *sum += number * factor;
    }
}

/// The last place in zigzag order of the `across` by `down` lowest frequencies.
pub(super) fn last(across: usize, down: usize) -> usize {
    let rows = ZIGZAG.chunks_exact(BLOCK).take(down);
    rows.flat_map(|row| &row[..across])
        .copied()
        .max()
        .unwrap_or(0)
}

/// By frequency and place, the cosines that together are `count` samples.
fn cosines(count: usize) -> [[f32; BLOCK]; BLOCK] {
    let mut cosines = [[0.0; BLOCK]; BLOCK];
    for (frequency, cosines) in cosines.iter_mut().take(count).enumerate() {
        let height = (if frequency == 0 { 1.0_f64 } else { 2.0 } / BLOCK as f64).sqrt();
        for (place, cosine) in cosines.iter_mut().take(count).enumerate() {
            let angle = PI * (frequency * (2 * place + 1)) as f64 / (2 * count) as f64;
            *cosine = (height * angle.cos()) as f32;
        }
    }
    cosines
}
