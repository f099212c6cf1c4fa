use std::ops::Range;

use super::stretch::Stretch;
use crate::Filter;

/// Bits after the point of a weight: 32, less 8 for the sample and 2 for sums beyond 1.
const PRECISION: u32 = 32 - 8 - 2;

/// A sum of weighted samples begins with a half, so that cutting off its fraction rounds.
pub(super) const HALF: i32 = 1 << (PRECISION - 1);

/// The byte of a sum that began with [`HALF`].
#[inline(always)]
pub(super) fn to_byte(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}

/// For each new pixel along one side, the source pixels it is made from and their weights.
pub(super) struct Weights {
    /// The source pixels that are used at all.
    sources: Range<usize>,
    /// For each new pixel, its first source pixel, counted from the first used, and how many.
    spans: Vec<(usize, usize)>,
    /// For each new pixel, `stride` weights, zero after those of its span.
    weights: Vec<i32>,
    stride: usize,
}

impl Weights {
    /// For `count` new pixels from `first` of a side of `to` pixels that is made of `from`.
    pub(super) fn new(filter: Filter, from: Stretch, to: u32, first: u32, count: u32) -> Weights {
        let scale = from.length / f64::from(to);
        let filter_scale = scale.max(1.0);
        let support = filter.support() * filter_scale;
        let centers =
            (first..first + count).map(|index| from.start + (f64::from(index) + 0.5) * scale);

        let mut spans: Vec<_> = centers
            .clone()
            .map(|center| {
                // Casts from float cut off the fraction and saturate at 0.
                let end = ((center + support + 0.5) as usize).min(from.side as usize);
                let start = ((center - support + 0.5) as usize).min(end);
                (start, end - start)
            })
            .collect();
        let stride = spans.iter().map(|&(_, length)| length).max().unwrap_or(1);
        let mut weights = vec![0; spans.len() * stride];
        for ((center, &(start, length)), weights) in
            centers.zip(&spans).zip(weights.chunks_exact_mut(stride))
        {
            let exact = (start..start + length)
                .map(|place| filter.weight((place as f64 - center + 0.5) * (1.0 / filter_scale)));
            fill_normalised(weights, exact);
        }

        let start = spans.iter().map(|&(start, _)| start).min().unwrap_or(0);
        let end = spans
            .iter()
            .map(|&(start, length)| start + length)
            .max()
            .unwrap_or(0);
        spans.iter_mut().for_each(|(first, _)| *first -= start);
        Weights {
            sources: start..end,
            spans,
            weights,
            stride,
        }
    }

    pub(super) fn sources(&self) -> Range<usize> {
        self.sources.clone()
    }

    pub(super) fn len(&self) -> usize {
        self.spans.len()
    }

    /// For each new pixel, its first source pixel and the weights from there.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &[i32])> {
        let weights = self.weights.chunks_exact(self.stride);
        self.spans
            .iter()
            .zip(weights)
            .map(|(&(start, length), weights)| (start, &weights[..length]))
    }
}

/// Writes the weights, made to sum up to 1, as fixed-point numbers.
fn fill_normalised(weights: &mut [i32], exact: impl Iterator<Item = f64> + Clone) {
    let sum: f64 = exact.clone().sum();
    for (weight, exact) in weights.iter_mut().zip(exact) {
        *weight = fixed_point(if sum == 0.0 { exact } else { exact / sum });
    }
}

/// Rounded, away from zero at a half.
fn fixed_point(weight: f64) -> i32 {
    let half = if weight < 0.0 { -0.5 } else { 0.5 };
    (half + weight * f64::from(1 << PRECISION)) as i32
}
