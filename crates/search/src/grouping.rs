//! Groups vectors around representatives (leader clustering).
//!
//! Vectors are sorted by precedence. The first becomes a keeper, and all vectors that are like it become its
//! members. The next vector that isn't a member becomes a keeper of those left, and so on. So each member is
//! like its keeper, and no keeper is like an earlier one. Only the keeper of each vector is stored, so memory
//! doesn't grow with the number of similar pairs.
//!
//! All pairs are compared, as matrix products of a block of keepers and chunks of later vectors.

use rayon::prelude::*;

/// Vectors that are compared with all later ones at a time.
const BLOCK: usize = 256;

/// Later vectors in a product: few enough for the result to stay in the cache.
const CHUNK: usize = 512;

/// Cosines checked together.
const LANES: usize = 32;

/// The maximum error of a cosine of the matrix product.
const SLACK: f32 = 1e-4;

/// Vectors of one dimension, stored one after another.
pub(crate) struct Vectors {
    numbers: Vec<f32>,
    dimension: usize,
}

/// What is known about two vectors besides their cosine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Relation {
    /// They are of the same file: their cosine is 1.
    Same,
    /// They aren't duplicates, whatever their cosine.
    Different,
    /// Nothing.
    Unknown,
}

/// The group of a vector.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Member {
    pub(crate) keeper: usize,
    /// The cosine to the keeper.
    pub(crate) similarity: f32,
}

impl Vectors {
    /// `count` zero vectors, which are like no other.
    pub(crate) fn zero(count: usize, dimension: usize) -> Vectors {
        Vectors {
            numbers: vec![0.0; count * dimension],
            dimension,
        }
    }

    /// Sets the unit vector number `n`.
    pub(crate) fn set(&mut self, n: usize, values: &[f32]) {
        self.numbers[n * self.dimension..][..self.dimension].copy_from_slice(values);
    }

    fn len(&self) -> usize {
        self.numbers.len() / self.dimension
    }

    fn get(&self, n: usize) -> &[f32] {
        &self.numbers[n * self.dimension..][..self.dimension]
    }

    /// The cosine. Unlike the matrix product's, it doesn't depend on the vectors' positions.
    fn cosine(&self, one: usize, other: usize) -> f32 {
        let pairs = self.get(one).iter().zip(self.get(other));
        let cosine: f64 = pairs.map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
        cosine.min(1.0) as f32
    }
}

/// Returns the keeper of each vector that has one. Two vectors are alike if their cosine is at least
/// `threshold` and `relation` doesn't say otherwise. `progress` gets the number of compared pairs and of all
/// pairs.
pub(crate) fn group(
    vectors: &Vectors,
    threshold: f32,
    relation: impl Fn(usize, usize) -> Relation + Sync,
    mut progress: impl FnMut(u64, u64),
) -> Vec<Option<Member>> {
    let grouping = Grouping {
        vectors,
        threshold,
        relation,
    };
    let count = vectors.len();
    let pairs = |count: usize| count as u64 * (count as u64).saturating_sub(1) / 2;
    let mut members = vec![None; count];
    for start in (0..count).step_by(BLOCK) {
        progress(pairs(count) - pairs(count - start), pairs(count));
        let end = (start + BLOCK).min(count);
        let (block, later) = members[start..].split_at_mut(end - start);
        grouping.group_block(start, block);
        let keepers: Vec<usize> = (start..end)
            .filter(|n| block[n - start].is_none())
            .collect();
        let keeping: Vec<f32> = keepers
            .iter()
            .flat_map(|&n| vectors.get(n))
            .copied()
            .collect();
        let chunks = later.par_chunks_mut(CHUNK).enumerate();
        chunks.for_each(|(n, chunk)| grouping.take(&keepers, &keeping, end + n * CHUNK, chunk));
    }
    progress(pairs(count), pairs(count));
    members
}

/// The vectors to group, and the criteria.
struct Grouping<'a, F> {
    vectors: &'a Vectors,
    threshold: f32,
    relation: F,
}

impl<F: Fn(usize, usize) -> Relation> Grouping<'_, F> {
    /// Groups the vectors of a block. Within it, they are compared one after another, since keepers depend on
    /// earlier ones.
    fn group_block(&self, start: usize, block: &mut [Option<Member>]) {
        for n in 0..block.len() {
            if block[n].is_none() {
                let (_, later) = block.split_at_mut(n + 1);
                let keeper = start + n;
                self.take(&[keeper], self.vectors.get(keeper), keeper + 1, later);
            }
        }
    }

    /// Gives each vector of `chunk`, which begins at `start`, the first of `keepers` that it is like.
    fn take(&self, keepers: &[usize], keeping: &[f32], start: usize, chunk: &mut [Option<Member>]) {
        let (count, dimension) = (chunk.len(), self.vectors.dimension);
        if keepers.is_empty() || count == 0 {
            return;
        }
        let others = &self.vectors.numbers[start * dimension..][..count * dimension];
        let cosines = clip::cosines(keeping, others, dimension);
        let least = self.threshold - SLACK;
        for (&keeper, row) in keepers.iter().zip(cosines.chunks_exact(count)) {
            for (n, lanes) in row.chunks(LANES).enumerate() {
                // No early exit, so that the compiler vectorises the loop. Matches are rare.
                if !lanes.iter().fold(false, |any, &it| any | (it >= least)) {
                    continue;
                }
                for (n, &cosine) in (n * LANES..).zip(lanes) {
                    if cosine >= least && chunk[n].is_none() {
                        chunk[n] = self.member(keeper, start + n);
                    }
                }
            }
        }
    }

    fn member(&self, keeper: usize, other: usize) -> Option<Member> {
        let similarity = match (self.relation)(keeper, other) {
            Relation::Same => 1.0,
            Relation::Different => return None,
            Relation::Unknown => self.vectors.cosine(keeper, other),
        };
        (similarity >= self.threshold).then_some(Member { keeper, similarity })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Unit vectors around some centres, always the same.
    fn clusters(count: usize, dimension: usize, centres: usize, spread: f32) -> Vectors {
        let mut state = 7u64;
        let mut random = move || {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        };
        let mut vector = || -> Vec<f32> { (0..dimension).map(|_| random()).collect() };
        let centres: Vec<Vec<f32>> = (0..centres).map(|_| vector()).collect();
        let mut vectors = Vectors::zero(count, dimension);
        for n in 0..count {
            let centre = &centres[n * 7919 % centres.len()];
            let noise = vector();
            let sum: Vec<f32> = centre
                .iter()
                .zip(&noise)
                .map(|(c, v)| c + spread * v)
                .collect();
            let length = sum.iter().map(|it| it * it).sum::<f32>().sqrt();
            let unit: Vec<f32> = sum.iter().map(|it| it / length).collect();
            vectors.set(n, &unit);
        }
        vectors
    }

    /// The definition, without optimisations.
    fn naive(vectors: &Vectors, threshold: f32) -> Vec<Option<Member>> {
        let mut members: Vec<Option<Member>> = vec![None; vectors.len()];
        for keeper in 0..vectors.len() {
            if members[keeper].is_some() {
                continue;
            }
            for (other, member) in members.iter_mut().enumerate().skip(keeper + 1) {
                let similarity = vectors.cosine(keeper, other);
                if member.is_none() && similarity >= threshold {
                    *member = Some(Member { keeper, similarity });
                }
            }
        }
        members
    }

    #[test]
    fn groups_are_those_of_comparing_every_pair() {
        for (count, dimension) in [(0, 8), (1, 8), (256, 16), (257, 16), (1500, 24)] {
            let vectors = clusters(count, dimension, 40, 0.4);
            for threshold in [0.5, 0.9, 0.95, 1.0] {
                let (mut last, mut all) = (0, 0);
                let members = group(
                    &vectors,
                    threshold,
                    |_, _| Relation::Unknown,
                    |done, of| {
                        assert!(last <= done && done <= of);
                        (last, all) = (done, of);
                    },
                );
                assert_eq!(
                    members,
                    naive(&vectors, threshold),
                    "{count} at {threshold}"
                );
                assert_eq!(last, all);
            }
        }
        let alike = group(
            &clusters(1500, 24, 40, 0.4),
            0.9,
            |_, _| Relation::Unknown,
            |_, _| {},
        );
        let taken = alike.iter().flatten().count();
        assert!((100..1460).contains(&taken), "{taken} say little");
    }

    #[test]
    fn a_chain_is_not_a_group() {
        // Ten degrees from each to the next.
        let mut vectors = Vectors::zero(10, 2);
        for n in 0..10 {
            let angle = (10.0 * n as f32).to_radians();
            vectors.set(n, &[angle.cos(), angle.sin()]);
        }
        let members = group(&vectors, 0.98, |_, _| Relation::Unknown, |_, _| {});
        let keepers: Vec<Option<usize>> = members.iter().map(|it| it.map(|it| it.keeper)).collect();
        let pair = |n| [None, Some(n)];
        assert_eq!(keepers, [0, 2, 4, 6, 8].map(pair).concat());
    }

    #[test]
    fn ever_so_many_of_one_picture_are_one_group() {
        let vectors = clusters(3000, 16, 1, 0.0);
        let members = group(&vectors, 1.0, |_, _| Relation::Same, |_, _| {});
        assert!(members[0].is_none());
        let first = |member: &Option<Member>| member.is_some_and(|it| it.keeper == 0);
        assert!(members[1..].iter().all(first));
    }

    #[test]
    fn what_has_no_vector_is_like_nothing() {
        let members = group(&Vectors::zero(3, 4), 0.01, |_, _| Relation::Same, |_, _| {});
        assert_eq!(members, [None; 3]);
    }
}
