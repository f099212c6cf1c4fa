//! The score of a vector, defined once for all searches.
//!
//! Products of two `f32` are exact in `f64`, and sums have a fixed order, so a score is the same on every
//! machine. Only the end result is rounded to `f32`.

use crate::Metric;

/// Independent sums, so that the compiler can vectorise without reordering.
const LANES: usize = 8;

/// A query's vector, prepared for comparisons.
#[derive(Debug)]
pub(crate) struct Scorer<'a> {
    metric: Metric,
    query: &'a [f32],
    length: f64,
}

impl<'a> Scorer<'a> {
    pub(crate) fn new(metric: Metric, query: &'a [f32]) -> Self {
        Self {
            metric,
            query,
            length: length(query),
        }
    }

    /// The score of `vector` by the metric.
    pub(crate) fn score(&self, vector: &[f32]) -> f32 {
        to_f32(match self.metric {
            Metric::Cosine => match self.length * length(vector) {
                0.0 => 0.0,
                lengths => dot(self.query, vector) / lengths,
            },
            Metric::Dotproduct => dot(self.query, vector),
            Metric::Euclidean => sum(self.query, vector, |a, b| (a - b) * (a - b)),
        })
    }
}

impl Scorer<'_> {
    /// The dot product with `vector`, unrounded.
    pub(crate) fn dot(&self, vector: &[f32]) -> f64 {
        dot(self.query, vector)
    }
}

/// The Euclidean length of `vector`.
pub(crate) fn length(vector: &[f32]) -> f64 {
    dot(vector, vector).sqrt()
}

/// Rounds a finite number to a finite `f32`, keeping the order; zeros are positive.
pub(crate) fn to_f32(score: f64) -> f32 {
    (score as f32).clamp(f32::MIN, f32::MAX) + 0.0
}

fn dot(one: &[f32], other: &[f32]) -> f64 {
    sum(one, other, |a, b| a * b)
}

fn sum(one: &[f32], other: &[f32], term: impl Fn(f64, f64) -> f64) -> f64 {
    let mut sums = [0.0; LANES];
    let (one_lanes, one_rest) = one.as_chunks::<LANES>();
    let (other_lanes, other_rest) = other.as_chunks::<LANES>();
    for (a, b) in one_lanes.iter().zip(other_lanes) {
        for lane in 0..LANES {
            sums[lane] += term(f64::from(a[lane]), f64::from(b[lane]));
        }
    }
    let rest: f64 = one_rest
        .iter()
        .zip(other_rest)
        .map(|(&a, &b)| term(f64::from(a), f64::from(b)))
        .sum();
    sums.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores() {
        let (query, vector) = ([1.0, 2.0, 2.0], [2.0, 4.0, 4.0]);
        let score = |metric| Scorer::new(metric, &query).score(&vector);
        assert_eq!(score(Metric::Cosine), 1.0);
        assert_eq!(score(Metric::Dotproduct), 18.0);
        assert_eq!(score(Metric::Euclidean), 9.0);
    }

    #[test]
    fn zeros_have_a_score() {
        let zeros = [0.0; 3];
        assert_eq!(Scorer::new(Metric::Cosine, &zeros).score(&[1.0; 3]), 0.0);
        assert_eq!(Scorer::new(Metric::Cosine, &[1.0; 3]).score(&zeros), 0.0);
    }

    #[test]
    fn huge_scores_stay_finite() {
        let huge = [f32::MAX; 3];
        assert_eq!(
            Scorer::new(Metric::Dotproduct, &huge).score(&huge),
            f32::MAX
        );
        assert_eq!(Scorer::new(Metric::Cosine, &huge).score(&huge), 1.0);
    }

    #[test]
    fn tiny_vectors_have_a_cosine() {
        let tiny = [f32::from_bits(1), 0.0];
        assert_eq!(Scorer::new(Metric::Cosine, &tiny).score(&[2.0, 0.0]), 1.0);
    }
}
