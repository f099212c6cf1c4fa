use std::f64::consts::PI;

/// How the pixels of a copy come from those of the whole picture, whose blocks of 8 x 8 became smaller ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scale {
    /// How many pixels wide and high a block is, from 1 to 8.
    pub(crate) eighths: u8,
    /// Whether a pixel of the copy is the mean of those that it stands for. If not, the copy has the block's lowest
    /// frequencies, as they are, and no others.
    pub(crate) is_averaged: bool,
}

/// The pixels of a block's side in the whole picture.
pub(crate) const BLOCK: usize = 8;

impl Scale {
    /// That of the picture itself.
    pub(crate) const WHOLE: Scale = Scale {
        eighths: 8,
        is_averaged: false,
    };

    /// The pixels of a side that has so many in the whole picture, of which the last may stand for less than others.
    pub(crate) fn of(self, side: u32) -> u32 {
        let side = u64::from(side) * u64::from(self.eighths);
        // No more than the side.
        side.div_ceil(BLOCK as u64) as u32
    }

    /// For each pixel along a block of the whole picture, how much each of the copy's pixels contributes to it: the
    /// cosines through the copy's pixels, which the whole has at the same frequencies.
    pub(crate) fn contributions(self) -> [[f64; BLOCK]; BLOCK] {
        let count = usize::from(self.eighths);
        let cosine = |frequency: usize, place: usize, count: usize| {
            let angle = PI * frequency as f64 / (2 * count) as f64;
            ((2 * place + 1) as f64 * angle).cos()
        };
        let mut contributions = [[0.0; BLOCK]; BLOCK];
        if self == Scale::WHOLE {
            // Without the rounding of cosines.
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

    /// What makes good for the averaging, which lowers high frequencies.
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

    /// A slope of cosines that a copy of so many pixels can have, and the copy.
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
