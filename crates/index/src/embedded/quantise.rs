//! Vectors in four and eight bits, and bounds on the error of scores computed from them.
//!
//! # The codes
//! A vector (divided by its length under cosine) is [rotated](super::rotation), which changes no inner
//! product, and stored as odd integers `c` of −255 to 255 with a scale `a`, so that `x ≈ a·c`. Each is split,
//! `c = 16·h + l`, into two halves, odd integers of −15 to 15 in four bits, which are stored separately. So
//! the high halves are codes too, coarse ones with their own scale: `x ≈ A·h`. A query reads the high halves
//! of all vectors, and the low ones only of those that may still be among the best.
//!
//! # The bound
//! Let `q` be the query, rotated and divided as the vectors are. Beside codes and scale, each vector stores
//! the length of what they lose, the *residual* `r ≥ ‖x − a·c‖`. The query is rounded too, to `q ≈ b·p` with
//! integers `p`, and `e ≥ ‖q − b·p‖`. Then
//!
//! ```text
//! q·x − a·b·(p·c) = q·(x − a·c) + (q − b·p)·(a·c)
//! ```
//!
//! and by the Cauchy–Schwarz inequality, and because `‖a·c‖ ≤ ‖x‖ + r`,
//!
//! ```text
//! |q·x − a·b·(p·c)| ≤ ‖q‖·r + e·(‖x‖ + r)
//! ```
//!
//! for any `a`, `c`, `b` and `p`: for coarse and fine codes, and for queries of eight or fifteen bits. `p·c`
//! is an integer and exact. All else is computed in `f64` with relative errors of at most a few times
//! `dimension · 2⁻⁵³`, both here and in the true score. [`ROUNDING`] times the largest possible value of any
//! term exceeds that for the largest dimension. The squared distance is `‖q‖² + ‖x‖² − 2·q·x`: twice the
//! bound, and the rounding of the squares.
//!
//! Bounds are rounded to `f32` as scores are, which keeps their order. So if a vector's upper bound is less
//! than `k` others' lower bounds, its score can't tie with theirs. If a bound overflows to infinity or NaN,
//! `min` and `max` turn it into one that excludes nothing.

use bytemuck::{Pod, Zeroable};

use super::rotation::rotate;
use crate::Metric;
use crate::limits::DIMENSION_LIMIT;
use crate::machine::{self, BLOCK, BLOCK_BYTES, Dots};
use crate::score::{length, to_f32};

/// The largest code.
const CODE_LIMIT: i32 = 255;
/// The fraction of the largest value that the largest code stands for. Clipping the few values above it costs
/// the codes less than wider steps would cost the high halves.
const CLIP_FRACTION: f64 = 0.95;
/// The largest code of a query: its high half is 127.
const QUERY_LIMIT: i32 = 127 * QUERY_HALF;
/// The weight of a query's high half.
const QUERY_HALF: i32 = 128;
/// The largest half of a code. A half is stored as `(h + 15) / 2`.
const HALF_LIMIT: i32 = 15;
/// The margin for the rounding of `f64`: 19 times `dimension · 2⁻⁵³` at the largest dimension.
const ROUNDING: f64 = 1.0 / (1_u64 << 34) as f64;
/// The margin for the rounding of `f32`, for each term of a sum: eight units in the last place.
const ROUNDING_SINGLE: f32 = 8.0 * f32::EPSILON;
const _: () = assert!(ROUNDING > 16.0 * DIMENSION_LIMIT as f64 * f64::EPSILON / 2.0);

/// The number of codes of a vector.
fn code_count(dimension: usize) -> usize {
    dimension.next_multiple_of(BLOCK)
}

/// The size in bytes of the high halves of a vector's codes, and of the low ones.
pub(super) fn row_length(dimension: usize) -> usize {
    code_count(dimension) / 2
}

/// The scale and residual of codes.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Factor {
    /// `a`: the value of a code of 1.
    scale: f32,
    /// `r`: at least the length of what the codes lose.
    residual: f32,
}

impl Factor {
    /// The factor of `codes` for `values`, with a scale near `scale`.
    fn new(scale: f64, values: &[f64], codes: &[i32]) -> Self {
        let scale = to_f32(scale);
        // Rounding to nearest, then up, adds at least half a unit in the last place: more than the sum's own
        // rounding.
        let residual = (lost(values, f64::from(scale), codes) as f32).next_up();
        Self { scale, residual }
    }
}

/// The factors of a vector's codes, and its length.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Factors {
    pub(super) coarse: Factor,
    pub(super) fine: Factor,
    /// `‖x‖`.
    pub(super) length: f64,
}

/// Quantises `values` into the high and low halves of codes.
pub(super) fn quantise(metric: Metric, values: &[f32], high: &mut [u8], low: &mut [u8]) -> Factors {
    let (unit, length) = unit(metric, values);
    let values = rotate(values, unit, code_count(values.len()));
    let scale = to_f32(CLIP_FRACTION * largest(&values) / f64::from(CODE_LIMIT));
    let codes = round_to_odd(&values, f64::from(scale));
    let highs: Vec<_> = codes.iter().map(|&code| high_half(code)).collect();
    let lows: Vec<_> = codes
        .iter()
        .zip(&highs)
        .map(|(code, high)| code - 16 * high)
        .collect();
    pack(&highs, high);
    pack(&lows, low);
    Factors {
        coarse: Factor::new(best_scale(&values, &highs), &values, &highs),
        fine: Factor::new(f64::from(scale), &values, &codes),
        length,
    }
}

/// Divides `values` by `scale` and rounds to integers of at most `limit`.
fn round(values: &[f64], scale: f64, limit: i32) -> Vec<i32> {
    /// Adding and subtracting this rounds a small number to an integer, without a function call.
    const ROUNDS: f64 = 1.5 * (1_u64 << 52) as f64;
    let (limit, per_scale) = (
        f64::from(limit),
        if scale > 0.0 { scale.recip() } else { 0.0 },
    );
    let rounded = values
        .iter()
        .map(|value| ((value * per_scale).clamp(-limit, limit) + ROUNDS - ROUNDS) as i32);
    rounded.collect()
}

/// Divides `values` by `scale` and rounds to odd integers of at most [`CODE_LIMIT`].
fn round_to_odd(values: &[f64], scale: f64) -> Vec<i32> {
    let per_step = if scale > 0.0 {
        (2.0 * scale).recip()
    } else {
        0.0
    };
    let steps = f64::from(CODE_LIMIT);
    let codes = values.iter().map(|value| {
        let step = (value * per_step + 128.0).clamp(0.0, steps) as i32;
        2 * step - CODE_LIMIT
    });
    codes.collect()
}

fn high_half(code: i32) -> i32 {
    let step = (code + CODE_LIMIT) / 2;
    2 * (step >> 4) - HALF_LIMIT
}

/// The length of the difference between `values` and `codes` times `scale`.
fn lost(values: &[f64], scale: f64, codes: &[i32]) -> f64 {
    let lost = values
        .iter()
        .zip(codes)
        .map(|(value, &code)| value - scale * f64::from(code));
    lost.map(|lost| lost * lost).sum::<f64>().sqrt()
}

/// The scale at which `codes` lose least of `values`.
fn best_scale(values: &[f64], codes: &[i32]) -> f64 {
    let (mut product, mut square) = (0.0, 0.0);
    for (value, &code) in values.iter().zip(codes) {
        product += value * f64::from(code);
        square += f64::from(code * code);
    }
    if square > 0.0 { product / square } else { 0.0 }
}

/// Packs halves of codes as [`Dots`] expects them.
fn pack(halves: &[i32], bytes: &mut [u8]) {
    let blocks = halves.as_chunks::<BLOCK>().0;
    for (block, bytes) in blocks.iter().zip(bytes.as_chunks_mut::<BLOCK_BYTES>().0) {
        let (low, high) = block.split_at(BLOCK_BYTES);
        for ((byte, low), high) in bytes.iter_mut().zip(low).zip(high) {
            let four_bits = |half: i32| ((half + HALF_LIMIT) / 2) as u8;
            *byte = four_bits(*low) | four_bits(*high) << 4;
        }
    }
}

/// The divisor of `values`, and their length after division.
fn unit(metric: Metric, values: &[f32]) -> (f64, f64) {
    match metric {
        Metric::Cosine => (length(values), 1.0),
        Metric::Dotproduct | Metric::Euclidean => (1.0, length(values)),
    }
}

fn largest(values: &[f64]) -> f64 {
    values
        .iter()
        .fold(0.0, |largest, value| value.abs().max(largest))
}

/// A query, prepared to bound the scores of quantised vectors.
#[derive(Debug)]
pub(super) struct Estimator {
    metric: Metric,
    dots: Dots,
    /// The high halves of the query's codes, which are codes too, and the low ones.
    high: Half,
    low: Half,
    /// `b` and `e` of the coarse codes.
    coarse: Rounded,
    /// `b` and `e` of all codes.
    fine: Rounded,
    /// `‖q‖`.
    length: f64,
}

/// Halves of a query's codes.
#[derive(Debug)]
struct Half {
    codes: Vec<i8>,
    /// The sum of the codes, times [`HALF_LIMIT`].
    sum: i32,
}

/// The step and error of a query's rounding.
#[derive(Debug, Clone, Copy)]
struct Rounded {
    /// `b`.
    step: f64,
    /// `e`.
    lost: f64,
}

/// The bounds of a vector's score. Larger is better for every metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bounds {
    pub(super) low: f32,
    pub(super) high: f32,
}

impl Bounds {
    /// Whether the score is certainly less than `threshold`.
    #[inline]
    pub(super) fn are_below(&self, threshold: f32) -> bool {
        self.high < threshold
    }
}

impl Half {
    fn new(codes: impl Iterator<Item = i32>) -> Self {
        let codes: Vec<_> = codes.map(|code| code as i8).collect();
        let sum = HALF_LIMIT * codes.iter().map(|&code| i32::from(code)).sum::<i32>();
        Self { codes, sum }
    }

    /// The inner product with halves of codes, from that with their stored form.
    #[inline]
    fn product(&self, stored: i32) -> i32 {
        2 * stored - self.sum
    }

    /// The inner product with the halves of codes in `row`.
    fn dot(&self, dots: Dots, row: &[u8]) -> i64 {
        let mut sum = [0];
        dots(&self.codes, row, &mut sum);
        i64::from(self.product(sum[0]))
    }
}

impl Rounded {
    fn new(step: f64, values: &[f64], codes: &[i32]) -> Self {
        let lost = lost(values, step, codes) * (1.0 + ROUNDING);
        Self { step, lost }
    }
}

impl Estimator {
    pub(super) fn new(metric: Metric, query: &[f32]) -> Self {
        let (unit, length) = unit(metric, query);
        let values = rotate(query, unit, code_count(query.len()));
        let step = largest(&values) / f64::from(QUERY_LIMIT);
        let codes = round(&values, step, QUERY_LIMIT);
        let highs: Vec<_> = codes
            .iter()
            .map(|code| (code + QUERY_HALF / 2).div_euclid(QUERY_HALF))
            .collect();
        let lows = codes
            .iter()
            .zip(&highs)
            .map(|(code, high)| code - QUERY_HALF * high);
        Self {
            metric,
            dots: machine::dots(),
            low: Half::new(lows),
            coarse: Rounded::new(step * f64::from(QUERY_HALF), &values, &highs),
            fine: Rounded::new(step, &values, &codes),
            high: Half::new(highs.into_iter()),
            length,
        }
    }

    #[inline]
    pub(super) fn metric(&self) -> Metric {
        self.metric
    }

    /// The integers of the first bound for each of `rows`, the high halves of vectors.
    #[inline]
    pub(super) fn products(&self, rows: &[u8], products: &mut [i32]) {
        (self.dots)(&self.high.codes, rows, products);
    }

    /// Rough upper ends of the [first bounds](Self::first_bounds) under cosine, many at a time and in single
    /// precision. They already exclude most vectors. Infinite for other metrics.
    #[inline]
    pub(super) fn rough_highs<const N: usize>(
        &self,
        products: &[i32; N],
        factors: &[Factor; N],
    ) -> [f32; N] {
        if self.metric != Metric::Cosine {
            return [f32::INFINITY; N];
        }
        let lost = self.coarse.lost + ROUNDING * self.length;
        let more = 1.0 + ROUNDING_SINGLE;
        let step = self.coarse.step as f32;
        let (of_residual, always) = ((self.length + lost) as f32 * more, lost as f32 * more);
        std::array::from_fn(|n| {
            let Factor { scale, residual } = factors[n];
            let product = step * scale * self.high.product(products[n]) as f32;
            let error = (of_residual * residual + always) * more + f32::MIN_POSITIVE;
            product + product.abs() * ROUNDING_SINGLE + error
        })
    }

    /// Bounds a score from a vector's high halves, given their `product`.
    #[inline]
    pub(super) fn first_bounds(&self, product: i32, factor: &Factor, length: f64) -> Bounds {
        let product = f64::from(self.high.product(product));
        self.bounds(product, self.coarse, factor, length)
    }

    /// Bounds a score from all of a vector's codes and the query's high halves.
    pub(super) fn second_bounds(
        &self,
        product: i32,
        low: &[u8],
        fine: &Factor,
        length: f64,
    ) -> Bounds {
        let product = self.second_product(product, low);
        self.bounds(product as f64, self.coarse, fine, length)
    }

    /// Bounds a score from all codes.
    pub(super) fn last_bounds(
        &self,
        product: i32,
        high: &[u8],
        low: &[u8],
        fine: &Factor,
        length: f64,
    ) -> Bounds {
        let highs = self.second_product(product, low);
        let lows = 16 * self.low.dot(self.dots, high) + self.low.dot(self.dots, low);
        let product = i64::from(QUERY_HALF) * highs + lows;
        self.bounds(product as f64, self.fine, fine, length)
    }

    fn second_product(&self, product: i32, low: &[u8]) -> i64 {
        16 * i64::from(self.high.product(product)) + self.high.dot(self.dots, low)
    }

    #[inline]
    fn bounds(&self, product: f64, query: Rounded, factor: &Factor, length: f64) -> Bounds {
        let product = query.step * f64::from(factor.scale) * product;
        let residual = f64::from(factor.residual);
        let reach = length + residual;
        let error = self.length * residual + (query.lost + ROUNDING * self.length) * reach;
        let (middle, error) = match self.metric {
            Metric::Cosine | Metric::Dotproduct => (product, error),
            Metric::Euclidean => {
                let squares = self.length * self.length + length * length;
                (2.0 * product - squares, 2.0 * error + ROUNDING * squares)
            }
        };
        Bounds {
            low: to_f32((middle - error).max(f64::NEG_INFINITY)),
            high: to_f32((middle + error).min(f64::INFINITY)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::limits::is_zero;
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
                let zero = is_zero(&query) || is_zero(&vector);
                if metric == Metric::Cosine && zero {
                    continue;
                }
                for vector in [&vector, &query] {
                    let score = Scorer::new(metric, &query).score(vector);
                    let score = if metric == Metric::Euclidean { -score } else { score };
                    for bounds in all_bounds(metric, &query, vector) {
                        let Bounds { low, high } = bounds;
                        prop_assert!(low <= score && score <= high, "{score} {bounds:?}");
                    }
                }
            }
        }
    }

    proptest! {
        #[test]
        fn rough_bounds_exclude_no_more_than_the_first(
            (query, vector) in (1..200_usize).prop_flat_map(|n| (values(n), values(n))),
        ) {
            // An all-zero vector has no cosine, so its bounds aren't used.
            if is_zero(&query) || is_zero(&vector) {
                return Ok(());
            }
            let estimator = Estimator::new(Metric::Cosine, &query);
            for vector in [&vector, &query] {
                let mut high = vec![0; row_length(vector.len())];
                let mut low = high.clone();
                let factors = quantise(Metric::Cosine, vector, &mut high, &mut low);
                let mut products = [0];
                estimator.products(&high, &mut products);
                let first = estimator.first_bounds(products[0], &factors.coarse, 1.0);
                let [rough] = estimator.rough_highs(&products, &[factors.coarse]);
                let expected = first.high..=first.high + 1e-5;
                prop_assert!(expected.contains(&rough), "{rough} {first:?}");
            }
        }
    }

    /// The first, second and last bounds of a vector's score.
    fn all_bounds(metric: Metric, query: &[f32], vector: &[f32]) -> [Bounds; 3] {
        let estimator = Estimator::new(metric, query);
        let mut high = vec![0; row_length(vector.len())];
        let mut low = high.clone();
        let Factors {
            coarse,
            fine,
            length,
        } = quantise(metric, vector, &mut high, &mut low);
        let mut product = [0];
        estimator.products(&high, &mut product);
        let [product] = product;
        [
            estimator.first_bounds(product, &coarse, length),
            estimator.second_bounds(product, &low, &fine, length),
            estimator.last_bounds(product, &high, &low, &fine, length),
        ]
    }

    #[track_caller]
    fn widths(vector: &[f32], expected: [f32; 3]) {
        let bounds = all_bounds(Metric::Cosine, vector, vector);
        let widths = bounds.map(|bounds| bounds.high - bounds.low);
        let are_tight = widths
            .iter()
            .zip(expected)
            .all(|(width, most)| *width < most);
        assert!(are_tight, "{widths:?}");
    }

    #[test]
    fn bounds_of_unit_vectors_are_tight() {
        let mut vector: Vec<_> = (0..512).map(|n| ((n * n) as f32).sin()).collect();
        widths(&vector, [0.26, 0.06, 0.04]);
        vector[133] = 40.0;
        widths(&vector, [0.26, 0.06, 0.04]);
    }
}
