use std::f64::consts::PI;

/// How the pixels of a reduced copy derive from the whole picture's, whose blocks of 8 x 8 were reduced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scale {
    /// The width and height of a reduced block in pixels, from 1 to 8.
    pub(crate) eighths: u8,
    /// Whether a pixel of the copy is a mean of the whole's pixels. Otherwise the copy has exactly the lowest
    /// frequencies of each block.
    pub(crate) is_averaged: bool,
}

/// The side of a block in the whole picture, in pixels.
pub(crate) const BLOCK: usize = 8;

impl Scale {
    /// No reduction.
    pub(crate) const WHOLE: Scale = Scale {
        eighths: 8,
        is_averaged: false,
    };

    /// The copy's side in pixels, for the whole picture's. The last pixel may stand for a part of a block.
    pub(crate) fn of(self, side: u32) -> u32 {
        let side = u64::from(side) * u64::from(self.eighths);
        // At most the whole side.
        side.div_ceil(BLOCK as u64) as u32
    }

    /// For each pixel of a block of the whole picture, the contribution of each of the copy's pixels: interpolation by
    /// the discrete cosine transform.
    pub(crate) fn contributions(self) -> [[f64; BLOCK]; BLOCK] {
        let count = usize::from(self.eighths);
        let cosine = |frequency: usize, place: usize, count: usize| {
            let angle = PI * frequency as f64 / (2 * count) as f64;
            ((2 * place + 1) as f64 * angle).cos()
        };
        let mut contributions = [[0.0; BLOCK]; BLOCK];
        if self == Scale::WHOLE {
            // Exact, without the rounding of cosines.
            (0..BLOCK).for_each(|place| contributions[place][place] = 1.0);
            return contributions;
        }
        for (place, row) in contributions.iter_mut().enumerate() {
            for (pixel, contribution) in row.iter_mut().take(count).enumerate() {
                let of_frequency = |frequency| {
                    let both = cosine(frequency, place, BLOCK) * cosine(frequency, pixel, count);
                    let twice = if frequency == 0 { 1.0 } else { 2.0 };
                    twice * self.gain(frequency) * both / count as f64
                };
                *contribution = (0..count).map(of_frequency).sum();
            }
        }
        contributions
    }

    /// Compensates for the averaging, which attenuates high frequencies.
    fn gain(self, frequency: usize) -> f64 {
        let averaged = BLOCK / usize::from(self.eighths);
        if frequency == 0 || !self.is_averaged {
            return 1.0;
        }
        let angle = PI * frequency as f64 / (2 * BLOCK) as f64;
        averaged as f64 * angle.sin() / (averaged as f64 * angle).sin()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reduces a sum of cosines that a copy with this scale can represent, and reconstructs it.
    #[track_caller]
    fn case(eighths: u8, is_averaged: bool) {
        let scale = Scale {
            eighths,
            is_averaged,
        };
        let count = usize::from(eighths);
        let wave = |at: f64| {
            3.0 + (1..count)
                .map(|frequency| (PI * frequency as f64 * at).cos())
                .sum::<f64>()
        };
        let whole: [f64; BLOCK] =
            std::array::from_fn(|place| wave((place as f64 + 0.5) / BLOCK as f64));
        let averaged = BLOCK / count;
        let pixel = |pixel: usize| {
            if is_averaged {
                whole[pixel * averaged..][..averaged].iter().sum::<f64>() / averaged as f64
            } else {
                wave((pixel as f64 + 0.5) / count as f64)
            }
        };
        for (row, expected) in scale.contributions().iter().zip(whole) {
            let got: f64 = (0..count).map(|place| row[place] * pixel(place)).sum();
            assert!(
                (got - expected).abs() < 1e-9,
                "{scale:?}: {got}, expected {expected}"
            );
        }
    }

    #[test]
    fn the_frequencies_of_a_copy_are_those_of_the_whole() {
        for eighths in 1..=8 {
            case(eighths, false);
        }
        for eighths in [1, 2, 4, 8] {
            case(eighths, true);
        }
    }
}
