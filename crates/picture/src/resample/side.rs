use crate::scale::{BLOCK, Scale};

/// A side of the picture to resample, whole or reduced.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Side {
    /// The whole picture's pixels.
    pub(super) whole: u32,
    /// The stored pixels.
    pub(super) pixels: u32,
    scale: Scale,
    /// For each pixel of a block of the whole, the contribution of each of the copy's pixels.
    contributions: [[f64; BLOCK]; BLOCK],
    /// Whether the copy was mirrored after the reduction.
    is_mirrored: bool,
}

impl Side {
    pub(crate) fn whole(pixels: u32) -> Side {
        Side::reduced(pixels, Scale::WHOLE, false)
    }

    /// A side of a reduced copy of a picture with `whole` pixels.
    pub(crate) fn reduced(whole: u32, scale: Scale, is_mirrored: bool) -> Side {
        Side {
            whole,
            pixels: scale.of(whole),
            scale,
            contributions: scale.contributions(),
            is_mirrored,
        }
    }

    /// The stored pixel nearest to one of the whole.
    pub(super) fn pixel(self, place: usize) -> usize {
        let place = self.mirrored(place, self.whole);
        let pixel = place * usize::from(self.scale.eighths) / BLOCK;
        self.mirrored(pixel, self.pixels)
    }

    /// Converts weights for pixels of the whole from `start` on to weights for stored pixels. Returns the first of
    /// these.
    pub(super) fn contribute(&self, start: usize, weights: &mut Vec<f64>) -> usize {
        if self.scale == Scale::WHOLE || weights.is_empty() {
            return start;
        }
        let count = usize::from(self.scale.eighths);
        let ends = [start, start + weights.len() - 1]
            .map(|place| self.mirrored(place, self.whole) / BLOCK);
        let (first, last) = (ends[0].min(ends[1]), ends[0].max(ends[1]));
        let mut of_pixels = vec![0.0; (last + 1 - first) * count];
        for (place, weight) in (start..).zip(weights.iter()) {
            let place = self.mirrored(place, self.whole);
            let pixels = &mut of_pixels[(place / BLOCK - first) * count..][..count];
            for (sum, contribution) in pixels.iter_mut().zip(self.contributions[place % BLOCK]) {
                *sum += weight * contribution;
            }
        }
        // The last block may be partial. Then its last pixel also stands for those beyond.
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

    fn mirrored(self, place: usize, side: u32) -> usize {
        if self.is_mirrored {
            side as usize - 1 - place
        } else {
            place
        }
    }
}
