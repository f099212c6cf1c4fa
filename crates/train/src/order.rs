use rand::{Rng, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

/// Random numbers of their own for each use, so that a resumed run draws the same.
pub(crate) fn numbers(seed: u64, epoch: usize, example: Option<usize>) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&(epoch as u64).to_le_bytes());
    let example = example.map_or(u64::MAX, |example| example as u64);
    key[16..24].copy_from_slice(&example.to_le_bytes());
    ChaCha8Rng::from_seed(key)
}

/// The examples in the order in which an epoch takes them.
pub(crate) fn order(seed: u64, epoch: usize, count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    order.shuffle(&mut numbers(seed, epoch, None));
    order
}

/// One of `count`.
pub(crate) fn one_of(count: usize, numbers: &mut impl Rng) -> usize {
    numbers.random_range(0..count.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_epoch_has_an_order_of_its_own() {
        let first = order(7, 0, 100);
        assert_eq!(first, order(7, 0, 100));
        assert_ne!(first, order(7, 1, 100));
        assert_ne!(first, order(8, 0, 100));
        let mut sorted = first;
        sorted.sort_unstable();
        assert!(sorted.into_iter().eq(0..100));
    }
}
