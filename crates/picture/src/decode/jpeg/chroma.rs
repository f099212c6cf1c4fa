use super::header::{Component, Frame};

/// Makes rows of chroma as fine as luma, as libjpeg's "fancy upsampling" does (`jdsample.c`): a sample is weighted with three
/// quarters, and the next nearest with one, in each direction in which there are too few. Halves are rounded up in every
/// second sample, and down in the others.
pub(super) struct Finer {
    /// The samples of a row of chroma, and the rows.
    width: usize,
    height: usize,
    /// How many samples of luma one is for, from left to right and from top to bottom: 1 or 2.
    across: usize,
    down: usize,
    /// The sums of a row of chroma and the next, with the first and the last repeated.
    sums: Vec<u16>,
}

impl Finer {
    pub(super) fn new(frame: &Frame) -> Finer {
        let [Component { across, down, .. }, ..] = frame.components;
        let width = frame.width.div_ceil(across);
        Finer {
            width,
            height: frame.height.div_ceil(down),
            across,
            down,
            sums: vec![0; width + 2],
        }
    }

    /// The rows of chroma from which `row` of a picture comes, the nearest first.
    #[inline(always)]
    pub(super) fn rows(&self, row: usize) -> [usize; 2] {
        let nearest = row / self.down;
        let next = match row % self.down {
            _ if self.down == 1 => nearest,
            0 => nearest.saturating_sub(1),
            _ => (nearest + 1).min(self.height - 1),
        };
        [nearest, next]
    }

    /// Makes `row` of a picture from two rows of chroma.
    #[inline(always)]
    pub(super) fn fill(&mut self, row: usize, nearest: &[u8], next: &[u8], samples: &mut [u8]) {
        /// Up to as many samples in a row, of which each is for two of luma, libjpeg repeats them.
        const REPEATED: usize = 2;
        let (nearest, next) = (&nearest[..self.width], &next[..self.width]);
        match (self.across, self.down) {
            (1, 1) => samples[..self.width].copy_from_slice(nearest),
            (1, _) => {
                let half = if row.is_multiple_of(2) { 1 } else { 2 };
                let pairs = nearest.iter().zip(next);
                for (sample, (&nearest, &next)) in samples.iter_mut().zip(pairs) {
                    *sample = ((sum(nearest, next) + half) >> 2) as u8;
                }
            }
            _ if self.width <= REPEATED => {
                for (pair, &sample) in samples.as_chunks_mut().0.iter_mut().zip(nearest) {
                    *pair = [sample; 2];
                }
            }
            (_, 1) => {
                self.add(nearest.iter().map(|&sample| u16::from(sample)));
                self.blend::<2>([1, 2], samples);
            }
            _ => {
                let pairs = nearest.iter().zip(next);
                self.add(pairs.map(|(&nearest, &next)| sum(nearest, next)));
                self.blend::<4>([8, 7], samples);
            }
        }
    }

    #[inline(always)]
    fn add(&mut self, sums: impl Iterator<Item = u16>) {
        for (sum, new) in self.sums[1..].iter_mut().zip(sums) {
            *sum = new;
        }
        self.sums[0] = self.sums[1];
        self.sums[self.width + 1] = self.sums[self.width];
    }

    /// Makes two samples of each sum, with the one before and the one behind it.
    #[inline(always)]
    fn blend<const BITS: u32>(&self, [before_half, behind_half]: [u16; 2], samples: &mut [u8]) {
        let before = &self.sums[..self.width];
        let behind = &self.sums[2..];
        let sums = self.sums[1..].iter().zip(before).zip(behind);
        let (pairs, _) = samples.as_chunks_mut();
        for (pair, ((&sum, &before), &behind)) in pairs.iter_mut().zip(sums) {
            *pair = [
                ((3 * sum + before + before_half) >> BITS) as u8,
                ((3 * sum + behind + behind_half) >> BITS) as u8,
            ];
        }
    }
}

#[inline(always)]
fn sum(nearest: u8, next: u8) -> u16 {
    3 * u16::from(nearest) + u16::from(next)
}
