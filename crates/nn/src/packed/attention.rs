use rayon::prelude::*;

use super::{
    Arithmetic, Epilogue, Instructions, Matrix, Precision, Rows,
    epilogue::Outputs,
    kernel::Kernels,
    product,
    vector::{Vector, each, exp},
};
use crate::kernel::sum;

/// Multi-head attention over computed queries, keys and values.
pub(crate) struct Heads<'a> {
    pub(crate) count: usize,
    /// The sequences' lengths, in keys.
    pub(crate) lengths: &'a [usize],
    pub(crate) queries: Queries,
    /// Whether a query sees only keys up to its own position.
    pub(crate) causal: bool,
    pub(crate) instructions: Instructions,
}

/// The number of queries in a sequence.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Queries {
    /// One for each key.
    All,
    /// One, which sees all keys.
    One,
}

/// A sequence: the first row of its queries and of its keys, and its number of keys.
#[derive(Clone, Copy)]
struct Sequence {
    query: usize,
    key: usize,
    length: usize,
}

impl Heads<'_> {
    /// Attention of `query`, (queries, width), to `key_value`, (keys, 2 · width) with each key beside its value, as
    /// (queries, width).
    ///
    /// Computes one head of one sequence at a time, so that its scores stay in the cache.
    pub(crate) fn attend(&self, query: &[f32], key_value: &[f32]) -> Vec<f32> {
        let keys: usize = self.lengths.iter().sum();
        let width = key_value.len() / (2 * keys.max(1));
        let queries: usize = self
            .lengths
            .iter()
            .map(|&length| self.queries_of(length))
            .sum();
        assert!(
            query.len() == queries * width && width.is_multiple_of(self.count),
            "every number of the output belongs to a query and a head"
        );
        let sequences = self.sequences();
        let mut output = Vec::with_capacity(query.len());
        let outputs = Outputs::of(output.spare_capacity_mut(), width);
        let parts = (0..sequences.len() * self.count).into_par_iter();
        parts.for_each(|part| {
            let (sequence, head) = (sequences[part / self.count], part % self.count);
            self.attend_head(sequence, head, width, query, key_value, outputs);
        });
        // SAFETY: each head has written its part of every query's row, so all numbers are initialised.
        #[expect(unsafe_code, reason = "the loop initialises the whole buffer")]
        unsafe {
            output.set_len(query.len());
        }
        output
    }

    fn sequences(&self) -> Vec<Sequence> {
        let mut next = Sequence {
            query: 0,
            key: 0,
            length: 0,
        };
        let lengths = self.lengths.iter().map(|&length| {
            let sequence = Sequence { length, ..next };
            next.query += self.queries_of(length);
            next.key += length;
            sequence
        });
        lengths.collect()
    }

    fn queries_of(&self, length: usize) -> usize {
        match self.queries {
            Queries::All => length,
            Queries::One => 1,
        }
    }

    fn attend_head(
        &self,
        sequence: Sequence,
        head: usize,
        width: usize,
        query: &[f32],
        key_value: &[f32],
        outputs: Outputs,
    ) {
        let size = width / self.count;
        let arithmetic = Arithmetic {
            precision: Precision::F32,
            instructions: self.instructions,
        };
        let (length, first) = (sequence.length, head * size);
        let queries = self.queries_of(length);
        let rows_from = |start: usize| {
            let rows = key_value[sequence.key * 2 * width..].chunks(2 * width);
            rows.take(length).map(move |row| &row[start..start + size])
        };
        let keys: Vec<&[f32]> = rows_from(first).collect();
        let values: Vec<&[f32]> = rows_from(width + first).collect();
        let keys = Matrix::of_rows(&keys, size, arithmetic);
        let query = Rows::spaced(&query[sequence.query * width + first..], queries, width);
        let mut scores = product::multiply_alone(&query, &keys);
        let scale = (size as f32).powf(-0.5);
        let kernels = Kernels::of(arithmetic);
        for (row, scores) in scores.chunks_exact_mut(length).enumerate() {
            let causal = self.causal && self.queries == Queries::All;
            let (seen, hidden) = scores.split_at_mut(if causal { row + 1 } else { length });
            kernels.softmax(seen, scale);
            hidden.fill(0.0);
        }
        let scores = Rows::spaced(&scores, queries, length);
        let values = Matrix::of_columns(&values, size, arithmetic);
        let outputs = outputs.from(sequence.query * width + first);
        product::multiply_here(&scores, &values, Epilogue::NOTHING, outputs);
    }
}

/// Softmax of the scores times `scale`, in place.
///
/// # Safety
/// See [`Vector`].
#[expect(unsafe_code, reason = "vector instructions")]
#[inline(always)]
pub(super) unsafe fn softmax<V: Vector>(scores: &mut [f32], scale: f32) {
    let highest = highest(scores);
    // SAFETY: as the caller promises.
    unsafe {
        let (highest, scale) = (V::all(highest), V::all(scale));
        each::<V>(
            scores,
            #[inline(always)]
            |score| exp(score.minus(highest).times(scale)),
        );
        let factor = V::all(1.0 / sum(scores, |power| power));
        each::<V>(
            scores,
            #[inline(always)]
            |power| power.times(factor),
        );
    }
}

/// The greatest score, found 16 at a time.
#[inline(always)]
fn highest(scores: &[f32]) -> f32 {
    let mut highest = [f32::NEG_INFINITY; 16];
    let (blocks, rest) = scores.as_chunks::<16>();
    for block in blocks {
        for (highest, score) in highest.iter_mut().zip(block) {
            *highest = if score > highest { *score } else { *highest };
        }
    }
    let all = highest.iter().chain(rest).copied();
    all.fold(f32::NEG_INFINITY, f32::max)
}
