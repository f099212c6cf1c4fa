use std::ops::Range;

use candle_core::{D, Device, Tensor};

use super::Linear;
use crate::{Result, weights::Weights};

/// Where the sequences of a batch lie in its rows of tokens.
///
/// Sequences of one length that follow one another are computed together: sort by length.
pub(crate) struct Sequences {
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
    /// Every token sees the whole sequence.
    pub(crate) fn open(lengths: Vec<usize>) -> Self {
        Self {
            lengths,
            causal: false,
        }
    }

    /// A token sees those before it and itself.
    pub(crate) fn causal(lengths: Vec<usize>) -> Self {
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
pub(crate) struct Attention {
    query: Linear,
    key_value: Linear,
    output: Linear,
    heads: usize,
}

impl Attention {
    /// From projections of `width` to `width`, which is a multiple of `heads`.
    pub(crate) fn new(
        query: Linear,
        key: Linear,
        value: Linear,
        output: Linear,
        heads: usize,
    ) -> Result<Self> {
        Ok(Self {
            query,
            key_value: Linear::side_by_side(&[key, value])?,
            output,
            heads,
        })
    }

    /// With the names that transformers gives the projections of CLIP.
    pub(crate) fn clip(width: usize, heads: usize, weights: &Weights<'_>) -> Result<Self> {
        let projection = |name| Linear::new(width, width, &weights.below(name));
        Self::new(
            projection("q_proj")?,
            projection("k_proj")?,
            projection("v_proj")?,
            projection("out_proj")?,
            heads,
        )
    }

    /// (tokens, width) → (tokens, width).
    pub(crate) fn forward(&self, hidden: &Tensor, sequences: &Sequences) -> Result<Tensor> {
        let parts = sequences.runs().into_iter().map(|run| {
            let mask = if sequences.causal {
                Some(causal_mask(run.length)?)
            } else {
                None
            };
            let rows = hidden.narrow(0, run.rows.start, run.rows.len())?;
            self.attend(&rows, run.length, &rows, &run, mask.as_ref())
        });
        let parts: Vec<Tensor> = parts.collect::<Result<_>>()?;
        self.output.forward(&Tensor::cat(&parts, 0)?)
    }

    /// The result for one token of every sequence alone, which sees its whole sequence: (tokens, width) →
    /// (sequences, width).
    ///
    /// `queries`, (sequences, width), are the rows of those tokens. In causal sequences they have to be the last.
    pub(crate) fn forward_one(
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
            self.attend(&queries, 1, &rows, &run, None)
        });
        let parts: Vec<Tensor> = parts.collect::<Result<_>>()?;
        self.output.forward(&Tensor::cat(&parts, 0)?)
    }

    /// `length` queries a sequence over the keys and values of the sequences of one run.
    fn attend(
        &self,
        queries: &Tensor,
        length: usize,
        rows: &Tensor,
        run: &Run,
        mask: Option<&Tensor>,
    ) -> Result<Tensor> {
        let width = queries.dim(1)?;
        let (head, count) = (width / self.heads, run.count);
        let query = self
            .query
            .forward(queries)?
            .reshape((count, length, self.heads, head))?;
        let key_value = self
            .key_value
            .forward(rows)?
            .reshape((count, run.length, 2, self.heads, head))?;
        // (count, heads, tokens, head)
        let query = (query * (head as f64).powf(-0.5))?
            .transpose(1, 2)?
            .contiguous()?;
        let key = key_value
            .narrow(2, 0, 1)?
            .squeeze(2)?
            .transpose(1, 2)?
            .contiguous()?;
        let value = key_value
            .narrow(2, 1, 1)?
            .squeeze(2)?
            .transpose(1, 2)?
            .contiguous()?;
        let scores = query.matmul(&key.t()?)?;
        let scores = match mask {
            Some(mask) => scores.broadcast_add(mask)?,
            None => scores,
        };
        let attended = softmax(&scores)?.matmul(&value)?;
        Ok(attended.transpose(1, 2)?.reshape((count * length, width))?)
    }
}

/// 0 where the column is seen from the row, minus infinity elsewhere.
fn causal_mask(length: usize) -> Result<Tensor> {
    let seen = |row, column| {
        if column <= row {
            0.0
        } else {
            f32::NEG_INFINITY
        }
    };
    let numbers = (0..length).flat_map(|row| (0..length).map(move |column| seen(row, column)));
    Ok(Tensor::from_vec(
        numbers.collect(),
        (length, length),
        &Device::Cpu,
    )?)
}

fn softmax(scores: &Tensor) -> Result<Tensor> {
    let powers = scores
        .broadcast_sub(&scores.max_keepdim(D::Minus1)?)?
        .exp()?;
    Ok(powers.broadcast_div(&powers.sum_keepdim(D::Minus1)?)?)
}
