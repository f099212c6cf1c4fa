//! Vectors in eight bits, and how far the score computed from them can be from the true one.
//!
//! # The bound
//! Let `q` be the query and `x` a vector (both divided by their lengths under cosine). `x` is
//! stored as integers `c` of −127 to 127 with a scale `a`, so that `x ≈ a·c`, beside the length of
//! what is lost, the *residual* `r ≥ ‖x − a·c‖`. The query is rounded too, to `q ≈ b·p` with
//! integers `p` of up to 16 bits, and `e ≥ ‖q − b·p‖`. Then
//!
//! ```text
//! q·x − a·b·(p·c) = q·(x − a·c) + (q − b·p)·(a·c)
//! ```
//!
//! and by Cauchy and Schwarz, and because `‖a·c‖ ≤ ‖x‖ + r`,
//!
//! ```text
//! |q·x − a·b·(p·c)| ≤ ‖q‖·r + e·(‖x‖ + r)
//! ```
//!
//! `p·c` is an integer and exact: the range of `p` is such that no sum of its products can exceed
//! an `i32`. All else is computed in `f64` with relative errors of at most a few times
//! `dimension · 2⁻⁵³`, both here and in the true score; [`ROUNDING`] times the largest value that
//! any term can have is more than that for the largest dimension there is. The squared distance
//! is `‖q‖² + ‖x‖² − 2·q·x`: twice the bound, and the rounding of the squares.
//!
//! Bounds are rounded to `f32` as scores are, which keeps their order: a vector whose upper bound
//! is less than `k` others' lower bounds cannot have a score that ties with theirs. Should a bound
//! overflow to an infinity or NaN, `min` and `max` turn it into one that excludes nothing.

use bytemuck::{Pod, Zeroable};

use crate::Metric;
use crate::limits::DIMENSION_LIMIT;
use crate::machine::{self, BLOCK, Dot};
use crate::score::{length, to_f32};

/// The largest code.
const CODE_LIMIT: i32 = 127;
/// The margin for the rounding of `f64`: 19 times `dimension · 2⁻⁵³` at the largest dimension.
const ROUNDING: f64 = 1.0 / (1_u64 << 34) as f64;
const _: () = assert!(ROUNDING > 16.0 * DIMENSION_LIMIT as f64 * f64::EPSILON / 2.0);

/// How many codes a vector of `dimension` takes; those beyond it are 0.
pub(super) fn stride(dimension: usize) -> usize {
    dimension.next_multiple_of(BLOCK)
}

/// What belongs to a vector's codes.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Factor {
    /// `a`: a code of 1 is this much.
    scale: f32,
    /// `r`: at least the length of what the codes leave out.
    residual: f32,
    /// `‖x‖`.
    length: f64,
}

/// Turns `values` into codes.
pub(super) fn quantise(metric: Metric, values: &[f32], codes: &mut [i8]) -> Factor {
    let (unit, length) = unit(metric, values);
    let limit = f64::from(CODE_LIMIT);
    let scale = (largest(values) / unit / limit) as f32;
    let square = round_all(values, unit, f64::from(scale), limit, |position, code| {
        codes[position] = code as i8;
    });
    // Rounding to nearest, then up, adds at least half a unit in the last place: more than the
    // sum's own rounding.
    Factor {
        scale,
        residual: (square.sqrt() as f32).next_up(),
        length,
    }
}

/// Gives `put` each of `values`, divided by `unit`, as an integer of at most `limit` times `scale`.
/// Returns the square of the length of what is lost by that, whatever `scale` is.
fn round_all(
    values: &[f32],
    unit: f64,
    scale: f64,
    limit: f64,
    mut put: impl FnMut(usize, i32),
) -> f64 {
    /// Adding and subtracting this rounds a small number to an integer, without a function call.
    const ROUNDS: f64 = 1.5 * (1_u64 << 52) as f64;
    let (per_unit, per_scale) = (unit.recip(), if scale > 0.0 { scale.recip() } else { 0.0 });
    let mut square = 0.0;
    for (position, &value) in values.iter().enumerate() {
        let value = f64::from(value) * per_unit;
        let code = (value * per_scale).clamp(-limit, limit) + ROUNDS - ROUNDS;
        put(position, code as i32);
        let lost = value - scale * code;
        square += lost * lost;
    }
    square
}

/// What `values` are divided by, and their length after that.
fn unit(metric: Metric, values: &[f32]) -> (f64, f64) {
    match metric {
        Metric::Cosine => (length(values), 1.0),
        Metric::Dotproduct | Metric::Euclidean => (1.0, length(values)),
    }
}

fn largest(values: &[f32]) -> f64 {
    values
        .iter()
        .fold(0.0, |largest, &value| f64::from(value.abs()).max(largest))
}

/// A query, ready to bound the scores of quantised vectors.
#[derive(Debug)]
pub(super) struct Estimator {
    metric: Metric,
    dot: Dot,
    /// `p`.
    codes: Vec<i16>,
    /// `b`.
    step: f64,
    /// `‖q‖`.
    length: f64,
    /// `e`.
    lost: f64,
}

/// Between what a vector's score is; larger is better, whatever the metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bounds {
    pub(super) low: f32,
    pub(super) high: f32,
}

impl Bounds {
    /// Whether the score is surely less than `threshold`.
    #[inline]
    pub(super) fn are_below(&self, threshold: f32) -> bool {
        self.high < threshold
    }
}

impl Estimator {
    pub(super) fn new(metric: Metric, query: &[f32]) -> Self {
        let (unit, length) = unit(metric, query);
        let limit = f64::from((i32::MAX / CODE_LIMIT / query.len() as i32).min(32_767));
        let step = largest(query) / unit / limit;
        let mut codes = vec![0; stride(query.len())];
        let square = round_all(query, unit, step, limit, |position, code| {
            codes[position] = code as i16;
        });
        let lost = square.sqrt() * (1.0 + ROUNDING);
        Self {
            metric,
            dot: machine::dot(),
            codes,
            step,
            length,
            lost,
        }
    }

    /// Bounds the score of the vector that was quantised to `codes` and `factor`.
    #[inline]
    pub(super) fn bounds(&self, codes: &[i8], factor: &Factor) -> Bounds {
        let product =
            self.step * f64::from(factor.scale) * f64::from((self.dot)(&self.codes, codes));
        let residual = f64::from(factor.residual);
        let reach = factor.length + residual;
        let error = self.length * residual + (self.lost + ROUNDING * self.length) * reach;
        let (middle, error) = match self.metric {
            Metric::Cosine | Metric::Dotproduct => (product, error),
            Metric::Euclidean => {
                let squares = self.length * self.length + factor.length * factor.length;
                (2.0 * product - squares, 2.0 * error + ROUNDING * squares)
            }
        };
        Bounds {
            low: to_f32(middle - error),
            high: to_f32(middle + error),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::score::Scorer;

    fn values(length: usize) -> impl Strategy<Value = Vec<f32>> {
        prop_oneof![
            vec(-1.0_f32..1.0, length),
            vec(-1e30_f32..1e30, length),
            vec(
                proptest::num::f32::NORMAL | proptest::num::f32::ZERO,
                length
            ),
            vec(
                proptest::num::f32::SUBNORMAL | proptest::num::f32::ZERO,
                length
            ),
            (vec(-1.0_f32..1.0, length), vec(0..20_i32, length)).prop_map(|(values, powers)| {
                values
                    .iter()
                    .zip(powers)
                    .map(|(value, power)| value / 10_f32.powi(power))
                    .collect()
            }),
        ]
    }

    proptest! {
        #[test]
        fn scores_lie_within_their_bounds(
            (query, vector) in (1..200_usize).prop_flat_map(|n| (values(n), values(n))),
        ) {
            for metric in Metric::ALL {
                let zero = largest(&query) == 0.0 || largest(&vector) == 0.0;
                if metric == Metric::Cosine && zero {
                    continue;
                }
                for vector in [&vector, &query] {
                    let mut codes = vec![0; stride(vector.len())];
                    let factor = quantise(metric, vector, &mut codes);
                    let bounds = Estimator::new(metric, &query).bounds(&codes, &factor);
                    let score = Scorer::new(metric, &query).score(vector);
                    let score = if metric == Metric::Euclidean { -score } else { score };
                    prop_assert!(!(score < bounds.low || score > bounds.high), "{score} {bounds:?}");
                }
            }
        }
    }

    #[test]
    fn bounds_of_unit_vectors_are_tight() {
        let vector: Vec<_> = (0..512).map(|n| ((n * n) as f32).sin()).collect();
        let mut codes = vec![0; 512];
        let factor = quantise(Metric::Cosine, &vector, &mut codes);
        let bounds = Estimator::new(Metric::Cosine, &vector).bounds(&codes, &factor);
        assert!(bounds.high - bounds.low < 0.02, "{bounds:?}");
    }
}
