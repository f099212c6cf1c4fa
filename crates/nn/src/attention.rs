use std::ops::Range;

use candle_core::{D, Device, Tensor};

use rayon::prelude::*;

use crate::{
    Linear, Result,
    kernel::{self, Matrix, Threads, add_product},
};

/// Where the sequences of a batch lie in its rows of tokens.
///
/// Sequences of one length that follow one another are computed together: sort by length.
pub struct Sequences {
    lengths: Vec<usize>,
    causal: bool,
}

/// Sequences of one length that follow one another.
struct Run {
    count: usize,
    length: usize,
    /// The rows of its first token and up to its last.
    rows: Range<usize>,
}

impl Sequences {
    /// Sequences of these lengths, in tokens. Every token sees the whole sequence.
    pub fn open(lengths: Vec<usize>) -> Self {
        Self {
            lengths,
            causal: false,
        }
    }

    /// Sequences of these lengths, in tokens. A token sees those before it and itself.
    pub fn causal(lengths: Vec<usize>) -> Self {
        Self {
            lengths,
            causal: true,
        }
    }

    fn runs(&self) -> Vec<Run> {
        let mut start = 0;
        let equal = self.lengths.chunk_by(|one, next| one == next);
        let runs = equal.map(|lengths| {
            let (count, length) = (lengths.len(), lengths[0]);
            let rows = start..start + count * length;
            start = rows.end;
            Run {
                count,
                length,
                rows,
            }
        });
        runs.collect()
    }
}

/// Multi-head self-attention ([Vaswani et al. 2017](https://arxiv.org/abs/1706.03762)).
pub struct Attention {
    query: Linear,
    key_value: Linear,
    output: Linear,
    heads: usize,
}

impl Attention {
    /// From projections of `width` to `width`, which is a multiple of `heads`; that of the output may have another width.
    ///
    /// # Errors
    /// When the projections do not go together.
    pub fn new(
        query: Linear,
        key: Linear,
        value: Linear,
        output: Linear,
        heads: usize,
    ) -> Result<Self> {
        Ok(Self {
            query: query.turned()?,
            key_value: Linear::side_by_side(&[key, value])?.turned()?,
            output: output.turned()?,
            heads,
        })
    }

    /// (tokens, width) → (tokens, width), the tokens of all `sequences` one after another.
    ///
    /// # Errors
    /// When `hidden` has another shape.
    pub fn forward(&self, hidden: &Tensor, sequences: &Sequences) -> Result<Tensor> {
        let parts = sequences.runs().into_iter().map(|run| {
            let rows = hidden.narrow(0, run.rows.start, run.rows.len())?;
            self.attend(&rows, run.length, &rows, &run, sequences.causal)
        });
        let parts: Vec<Tensor> = parts.collect::<Result<_>>()?;
        self.output.forward(&Tensor::cat(&parts, 0)?)
    }

    /// The result for one token of every sequence alone, which sees its whole sequence: (tokens, width) →
    /// (sequences, width).
    ///
    /// `queries`, (sequences, width), are the rows of those tokens. In causal sequences they have to be the last.
    ///
    /// # Errors
    /// When `queries` or `hidden` has another shape.
    pub fn forward_one(
        &self,
        queries: &Tensor,
        hidden: &Tensor,
        sequences: &Sequences,
    ) -> Result<Tensor> {
        let mut first = 0;
        let parts = sequences.runs().into_iter().map(|run| {
            let queries = queries.narrow(0, first, run.count)?;
            first += run.count;
            let rows = hidden.narrow(0, run.rows.start, run.rows.len())?;
            self.attend(&queries, 1, &rows, &run, false)
        });
        let parts: Vec<Tensor> = parts.collect::<Result<_>>()?;
        self.output.forward(&Tensor::cat(&parts, 0)?)
    }

    /// `queries` queries of each sequence over the keys and values of the sequences of one run.
    fn attend(
        &self,
        rows: &Tensor,
        queries: usize,
        key_rows: &Tensor,
        run: &Run,
        causal: bool,
    ) -> Result<Tensor> {
        let width = rows.dim(1)?;
        let sizes = Sizes {
            sequences: run.count,
            queries,
            keys: run.length,
            heads: self.heads,
            head: width / self.heads,
            causal,
        };
        let query = self.query.forward(rows)?;
        let key_value = self.key_value.forward(key_rows)?;
        let heads = if kernel::fusible(&[&query, &key_value]) {
            sizes.fused(&query, &key_value)?
        } else {
            sizes.plain(&query, &key_value)?
        };
        Ok(heads
            .transpose(1, 2)?
            .reshape((run.count * queries, width))?)
    }
}

/// What is to be computed once queries, keys and values are there, as (sequences x tokens, heads x head), and keys
/// and values side by side.
struct Sizes {
    sequences: usize,
    /// Queries in a sequence.
    queries: usize,
    /// Keys, and values, in a sequence.
    keys: usize,
    heads: usize,
    /// Width of a head.
    head: usize,
    causal: bool,
}

impl Sizes {
    /// What the root of the head's width divides scores by, as a factor.
    fn scale(&self) -> f64 {
        (self.head as f64).powf(-0.5)
    }

    /// → (sequences, heads, queries, head)
    fn plain(&self, query: &Tensor, key_value: &Tensor) -> Result<Tensor> {
        let Self {
            sequences,
            queries,
            keys,
            heads,
            head,
            ..
        } = *self;
        let query = query.reshape((sequences, queries, heads, head))?;
        let query = (query * self.scale())?.transpose(1, 2)?.contiguous()?;
        let key_value = key_value.reshape((sequences, keys, 2, heads, head))?;
        let part = |part| {
            key_value
                .narrow(2, part, 1)?
                .squeeze(2)?
                .transpose(1, 2)?
                .contiguous()
        };
        let scores = query.matmul(&part(0)?.t()?)?;
        let scores = match self.causal {
            true => scores.broadcast_add(&causal_mask(keys, scores.device())?)?,
            false => scores,
        };
        let powers = scores
            .broadcast_sub(&scores.max_keepdim(D::Minus1)?)?
            .exp()?;
        let shares = powers.broadcast_div(&powers.sum_keepdim(D::Minus1)?)?;
        Ok(shares.matmul(&part(1)?)?)
    }

    /// → (sequences, heads, queries, head), one head of one sequence at a time, so that its scores stay in the cache.
    fn fused(&self, query: &Tensor, key_value: &Tensor) -> Result<Tensor> {
        let Self {
            sequences,
            queries,
            keys,
            heads,
            head,
            ..
        } = *self;
        let width = heads * head;
        kernel::compute(
            [query, key_value],
            (sequences, heads, queries, head),
            |[query, key_value]| {
                let mut output = vec![0.0; query.len()];
                let parts = output.par_chunks_mut(queries * head).enumerate();
                parts.for_each(|(part, output)| {
                    let (sequence, first) = (part / heads, part % heads * head);
                    let query = &query[sequence * queries * width + first..];
                    let key = &key_value[sequence * keys * 2 * width + first..];
                    self.attend_head(
                        output,
                        Matrix::spaced(query, queries, head, width),
                        Matrix::spaced(key, keys, head, 2 * width),
                        Matrix::spaced(&key[width..], keys, head, 2 * width),
                    );
                });
                output
            },
        )
    }

    fn attend_head(
        &self,
        output: &mut [f32],
        query: Matrix<'_>,
        key: Matrix<'_>,
        value: Matrix<'_>,
    ) {
        let mut scores = vec![0.0; self.queries * self.keys];
        add_product(
            &mut scores,
            self.scale() as f32,
            query,
            key.transposed(),
            Threads::One,
        );
        kernel::for_each_row(&mut scores, self.keys, |row, scores| {
            let (seen, hidden) = scores.split_at_mut(if self.causal { row + 1 } else { self.keys });
            softmax(seen);
            hidden.fill(0.0);
        });
        let scores = Matrix::packed(&scores, self.queries, self.keys);
        add_product(output, 1.0, scores, value, Threads::One);
    }
}

/// 0 where the column is seen from the row, minus infinity elsewhere.
fn causal_mask(length: usize, device: &Device) -> candle_core::Result<Tensor> {
    let seen = |row, column| {
        if column <= row {
            0.0
        } else {
            f32::NEG_INFINITY
        }
    };
    let numbers = (0..length).flat_map(|row| (0..length).map(move |column| seen(row, column)));
    Tensor::from_vec(numbers.collect(), (length, length), device)
}

#[inline]
fn softmax(scores: &mut [f32]) {
    let highest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    for score in &mut *scores {
        *score = kernel::exp(*score - highest);
    }
    let scale = 1.0 / kernel::sum(scores, |power| power);
    for score in scores {
        *score *= scale;
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Var;

    use super::*;

    #[track_caller]
    fn case(queries: usize, causal: bool) {
        let sizes = Sizes {
            sequences: 2,
            queries,
            keys: 5,
            heads: 3,
            head: 4,
            causal,
        };
        let random =
            |rows, columns| Tensor::randn(0.0_f32, 2.0, (rows, columns), &Device::Cpu).unwrap();
        let (query, key_value) = (random(2 * queries, 12), random(10, 24));
        let fused = sizes.fused(&query, &key_value).unwrap();
        let query = Var::from_tensor(&query).unwrap();
        let plain = sizes.plain(query.as_tensor(), &key_value).unwrap();
        let off = (fused - &plain).unwrap().abs().unwrap().max_all().unwrap();
        assert!(
            off.to_scalar::<f32>().unwrap() < 1e-5,
            "the forms differ by {off}"
        );
        assert!(
            plain
                .sum_all()
                .unwrap()
                .backward()
                .unwrap()
                .get(&query)
                .is_some()
        );
    }

    #[test]
    fn forms_agree() {
        case(5, false);
        case(5, true);
        case(1, false);
    }

    #[test]
    fn runs_are_sequences_of_one_length() {
        let runs = Sequences::open(vec![2, 2, 3]).runs();
        let runs: Vec<_> = runs
            .into_iter()
            .map(|run| (run.count, run.length, run.rows))
            .collect();
        assert_eq!(runs, [(2, 2, 0..4), (1, 3, 4..7)]);
    }
}
