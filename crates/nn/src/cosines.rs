use crate::kernel::{Matrix, Threads, add_product};

/// The cosines of unit vectors: a row for each of `some`, with a number for each of `others`.
///
/// Both slices hold vectors of `dimension` numbers one after another. Runs on one thread, so that callers can share
/// out the work.
///
/// # Panics
/// When `some` or `others` does not hold whole vectors of `dimension` numbers, or `dimension` is 0.
pub fn cosines(some: &[f32], others: &[f32], dimension: usize) -> Vec<f32> {
    let rows = |vectors| Matrix::packed(vectors, vectors.len() / dimension, dimension);
    assert!(
        some.len().is_multiple_of(dimension) && others.len().is_multiple_of(dimension),
        "vectors are whole"
    );
    let (some, others) = (rows(some), rows(others));
    let mut cosines = vec![0.0; some.rows * others.rows];
    add_product(&mut cosines, 1.0, some, others.transposed(), Threads::One);
    cosines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_some_stands_beside_each_of_others() {
        let some = [1.0, 0.0, 0.0, 1.0];
        let others = [0.6, 0.8, -1.0, 0.0, 0.0, 1.0];
        assert_eq!(cosines(&some, &others, 2), [0.6, -1.0, 0.0, 0.8, 0.0, 1.0]);
        assert!(cosines(&some, &[], 2).is_empty());
    }
}
