/// A set of ordinals below a limit, one bit each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bitset {
    words: Vec<u64>,
    limit: usize,
}

impl Bitset {
    pub(super) fn empty(limit: usize) -> Self {
        Self {
            words: vec![0; limit.div_ceil(64)],
            limit,
        }
    }

    pub(super) fn full(limit: usize) -> Self {
        let mut set = Self::empty(limit);
        set.complement();
        set
    }

    /// Adds `ordinal` if it's below the limit. Returns whether it was missing.
    pub(super) fn insert(&mut self, ordinal: usize) -> bool {
        if ordinal >= self.limit {
            return false;
        }
        let (word, bit) = (&mut self.words[ordinal / 64], 1 << (ordinal % 64));
        let missing = *word & bit == 0;
        *word |= bit;
        missing
    }

    pub(super) fn contains(&self, ordinal: usize) -> bool {
        self.words
            .get(ordinal / 64)
            .is_some_and(|word| word >> (ordinal % 64) & 1 == 1)
    }

    pub(super) fn complement(&mut self) {
        for word in &mut self.words {
            *word = !*word;
        }
        if let Some(last) = self.words.last_mut()
            && !self.limit.is_multiple_of(64)
        {
            *last &= (1 << (self.limit % 64)) - 1;
        }
    }

    pub(super) fn intersect(&mut self, other: &Self) {
        self.combine(other, |one, other| one & other);
    }

    pub(super) fn unite(&mut self, other: &Self) {
        self.combine(other, |one, other| one | other);
    }

    pub(super) fn subtract(&mut self, other: &Self) {
        self.combine(other, |one, other| one & !other);
    }

    fn combine(&mut self, other: &Self, operation: impl Fn(u64, u64) -> u64) {
        for (one, &other) in self.words.iter_mut().zip(&other.words) {
            *one = operation(*one, other);
        }
    }

    /// The number of members from `64 * first` to below `64 * end`.
    pub(super) fn count(&self, first: usize, end: usize) -> usize {
        let words = &self.words[first..end.min(self.words.len())];
        words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The members from `64 * first` to below `64 * end`, in order.
    pub(super) fn members(&self, first: usize, end: usize) -> impl Iterator<Item = usize> + Clone {
        let words = self.words[..end.min(self.words.len())]
            .iter()
            .enumerate()
            .skip(first);
        words.flat_map(|(position, &word)| {
            let rest = |word: u64| (word != 0).then_some(word);
            std::iter::successors(rest(word), move |word| rest(word & (word - 1)))
                .map(move |word| 64 * position + word.trailing_zeros() as usize)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(set: &Bitset) -> Vec<usize> {
        set.members(0, usize::MAX).collect()
    }

    #[test]
    fn sets() {
        let mut set = Bitset::empty(130);
        assert!(set.insert(0) && set.insert(63) && set.insert(64) && set.insert(129));
        assert!(!set.insert(64) && !set.insert(130));
        assert_eq!(members(&set), [0, 63, 64, 129]);
        assert_eq!(set.members(1, 2).collect::<Vec<_>>(), [64]);
        assert_eq!((set.count(0, 1), set.count(1, 9)), (2, 2));
        assert!(set.contains(129) && !set.contains(128) && !set.contains(1000));

        let mut other = Bitset::full(130);
        assert_eq!(members(&other).len(), 130);
        other.subtract(&set);
        assert_eq!(members(&other).len(), 126);
        other.complement();
        assert_eq!(other, set);
        other.intersect(&Bitset::empty(130));
        assert_eq!(members(&other), [0_usize; 0]);
        other.unite(&set);
        assert_eq!(other, set);
    }
}
