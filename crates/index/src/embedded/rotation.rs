//! A fixed rotation that makes all dimensions of a vector similarly large.
//!
//! In the vectors of many models, a few dimensions are many times as large as the rest. Codes of few bits
//! would have to cover those and lose precision for the others. A rotation changes no inner product and no
//! length. This one flips signs and applies a Hadamard matrix, as in
//! [FJLT](https://doi.org/10.1145/1132516.1132597), to blocks whose size is the largest power of two that
//! divides the dimension. It costs one addition per dimension and step.
//!
//! In `f64`, each of its at most 15 steps has an error of `2⁻⁵³` of the vector's length, and the scale has
//! the same.

/// Divides `values` by `unit`, pads them with zeros to `count` and rotates them.
pub(super) fn rotate(values: &[f32], unit: f64, count: usize) -> Vec<f64> {
    let per_unit = unit.recip();
    let mut rotated = vec![0.0; count];
    for (position, (rotated, &value)) in rotated.iter_mut().zip(values).enumerate() {
        *rotated = sign(position) * f64::from(value) * per_unit;
    }
    let together = 1 << count.trailing_zeros();
    for part in rotated.chunks_exact_mut(together) {
        hadamard(part);
    }
    rotated
}

/// A pseudorandom 1 or −1: the finaliser of `splitmix64`.
fn sign(position: usize) -> f64 {
    let mixed = (position as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    if mixed >> 63 == 0 { 1.0 } else { -1.0 }
}

/// Multiplies `values`, whose number is a power of two, by the normalised Hadamard matrix.
fn hadamard(values: &mut [f64]) {
    let scale = (values.len() as f64).sqrt().recip();
    for value in values.iter_mut() {
        *value *= scale;
    }
    let mut half = values.len() / 2;
    while half > 0 {
        for pair in values.chunks_exact_mut(2 * half) {
            let (left, right) = pair.split_at_mut(half);
            for (left, right) in left.iter_mut().zip(right) {
                (*left, *right) = (*left + *right, *left - *right);
            }
        }
        half /= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dot(one: &[f64], other: &[f64]) -> f64 {
        one.iter().zip(other).map(|(one, other)| one * other).sum()
    }

    #[test]
    fn keeps_inner_products() {
        for (dimension, count) in [(1, 128), (130, 256), (300, 384), (512, 512)] {
            let values = |seed: f32| -> Vec<f32> {
                (0..dimension)
                    .map(|n| (seed * n as f32).sin() + 0.5)
                    .collect()
            };
            let (one, other) = (values(1.1), values(2.3));
            let plain = rotate(&one, 1.0, count);
            let expected: f64 = one
                .iter()
                .zip(&other)
                .map(|(&one, &other)| f64::from(one) * f64::from(other))
                .sum();
            let got = dot(&plain, &rotate(&other, 2.0, count)) * 2.0;
            assert!(
                (got - expected).abs() < 1e-12 * expected.abs().max(1.0),
                "{got} {expected}"
            );
        }
    }

    #[test]
    fn spreads_what_is_large() {
        let mut values = vec![0.01; 768];
        values[133] = 1.0;
        let rotated = rotate(&values, 1.0, 768);
        let largest = rotated
            .iter()
            .fold(0.0_f64, |most, value| most.max(value.abs()));
        assert!(largest < 0.12, "{largest}");
    }
}
