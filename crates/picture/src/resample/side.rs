use crate::scale::{BLOCK, Scale};

/// A side of the picture that is resampled: of a whole one, or of a copy that stands for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Side {
    /// The pixels of the whole picture.
    pub(super) whole: u32,
    /// The pixels that there are.
    pub(super) pixels: u32,
    scale: Scale,
    /// For each pixel of a block of the whole, how much the copy's pixels contribute to it.
    contributions: [[f64; BLOCK]; BLOCK],
    /// Whether the copy was turned round after it was made.
    is_mirrored: bool,
}

impl Side {
    pub(crate) fn whole(pixels: u32) -> Side {
        Side::reduced(pixels, Scale::WHOLE, false)
    }

    /// That of a copy of a picture which has so many pixels.
    pub(crate) fn reduced(whole: u32, scale: Scale, is_mirrored: bool) -> Side {
        Side {
            whole,
            pixels: scale.of(whole),
            scale,
            contributions: scale.contributions(),
            is_mirrored,
        }
    }

    /// The pixel that stands for one of the whole.
    pub(super) fn pixel(self, place: usize) -> usize {
        let place = self.turned(place, self.whole);
        let pixel = place * usize::from(self.scale.eighths) / BLOCK;
        self.turned(pixel, self.pixels)
    }

    /// For weights of pixels of the whole from `start` on, the first pixel that there is of those to weight, and the weights.
    pub(super) fn contribute(&self, start: usize, weights: &mut Vec<f64>) -> usize {
        if self.scale == Scale::WHOLE || weights.is_empty() {
            return start;
        }
        let count = usize::from(self.scale.eighths);
        let ends =
            [start, start + weights.len() - 1].map(|place| self.turned(place, self.whole) / BLOCK);
        let (first, last) = (ends[0].min(ends[1]), ends[0].max(ends[1]));
        let mut of_pixels = vec![0.0; (last + 1 - first) * count];
        for (place, weight) in (start..).zip(weights.iter()) {
            let place = self.turned(place, self.whole);
            let pixels = &mut of_pixels[(place / BLOCK - first) * count..][..count];
            for (sum, contribution) in pixels.iter_mut().zip(self.contributions[place % BLOCK]) {
                *sum += weight * contribution;
            }
        }
        // The last block may not be whole. Then its last pixel stands for those beyond.
        let first = first * count;
        let there = self.pixels as usize - first;
        if there < of_pixels.len() {
            let beyond: f64 = of_pixels.drain(there..).sum();
            of_pixels[there - 1] += beyond;
        }
        let first = if self.is_mirrored {
            self.pixels as usize - first - of_pixels.len()
        } else {
            first
        };
        if self.is_mirrored {
            of_pixels.reverse();
        }
        *weights = of_pixels;
        first
    }

    fn turned(self, place: usize, side: u32) -> usize {
        if self.is_mirrored {
            side as usize - 1 - place
        } else {
            place
        }
    }
}
