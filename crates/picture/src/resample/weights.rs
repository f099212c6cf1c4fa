use std::ops::Range;

use super::side::Side;
use crate::Filter;

/// Fractional bits of a weight: 32, less 8 for the sample and 2 for sums beyond 1.
const PRECISION: u32 = 32 - 8 - 2;

/// The start value of a sum of weighted samples, so that truncation rounds to nearest.
pub(super) const HALF: i32 = 1 << (PRECISION - 1);

/// The byte for a sum that began with [`HALF`].
#[inline(always)]
pub(super) fn to_byte(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}

/// The source pixels of each new pixel along one side, and their weights.
pub(super) struct Weights {
    /// The range of all source pixels in use.
    sources: Range<usize>,
    /// For each new pixel, its first source pixel, counted from the first in use, and the end of its weights.
    spans: Vec<(usize, usize)>,
    /// The weights of all new pixels, one after another.
    weights: Vec<i32>,
}

impl Weights {
    /// The weights for `count` new pixels from `first` on, when `from` is resized to `to` pixels.
    pub(super) fn new(filter: Filter, from: Side, to: u32, first: u32, count: u32) -> Weights {
        let scale = f64::from(from.whole) / f64::from(to);
        let filter_scale = scale.max(1.0);
        let support = filter.support() * filter_scale;
        let (mut spans, mut weights, mut exact) = (Vec::new(), Vec::new(), Vec::new());
        let (mut first_source, mut end_source) = (usize::MAX, 0);
        for index in first..first + count {
            let center = (f64::from(index) + 0.5) * scale;
            // Casts from float truncate, and saturate at 0.
            let end = ((center + support + 0.5) as usize).min(from.whole as usize);
            let start = ((center - support + 0.5) as usize).min(end);
            exact.clear();
            exact.extend(
                (start..end).map(|place| {
                    filter.weight((place as f64 - center + 0.5) * (1.0 / filter_scale))
                }),
            );
            normalise(&mut exact);
            let start = from.contribute(start, &mut exact);
            weights.extend(exact.iter().map(|&weight| fixed_point(weight)));
            spans.push((start, weights.len()));
            first_source = first_source.min(start);
            end_source = end_source.max(start + exact.len());
        }
        spans
            .iter_mut()
            .for_each(|(start, _)| *start -= first_source);
        Weights {
            sources: first_source..end_source,
            spans,
            weights,
        }
    }

    pub(super) fn sources(&self) -> Range<usize> {
        self.sources.clone()
    }

    pub(super) fn len(&self) -> usize {
        self.spans.len()
    }

    /// For each new pixel, its first source pixel and the weights from there on.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &[i32])> {
        let mut begin = 0;
        self.spans.iter().map(move |&(start, end)| {
            let weights = &self.weights[begin..end];
            begin = end;
            (start, weights)
        })
    }
}

/// Makes the weights sum up to 1.
fn normalise(weights: &mut [f64]) {
    let sum: f64 = weights.iter().sum();
    if sum != 0.0 {
        weights.iter_mut().for_each(|weight| *weight /= sum);
    }
}

/// Rounds to nearest, halves away from zero.
fn fixed_point(weight: f64) -> i32 {
    let half = if weight < 0.0 { -0.5 } else { 0.5 };
    (half + weight * f64::from(1 << PRECISION)) as i32
}
