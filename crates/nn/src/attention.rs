use std::ops::Range;

use candle_core::{D, Device, Tensor};

use crate::{
    Instructions, Linear, Result, Then, Weights, kernel,
    packed::{Heads, Queries},
};

/// The lengths of a batch's sequences, whose tokens lie in consecutive rows.
///
/// Neighbouring sequences of equal length are computed together, so sort a batch by length.
pub struct Sequences {
    lengths: Vec<usize>,
    causal: bool,
}

/// Neighbouring sequences of equal length.
struct Run {
    count: usize,
    length: usize,
    /// The rows of its tokens.
    rows: Range<usize>,
}

impl Sequences {
    /// Sequences of these lengths, in tokens, with bidirectional attention.
    pub fn open(lengths: Vec<usize>) -> Self {
        Self {
            lengths,
            causal: false,
        }
    }

    /// Sequences of these lengths, in tokens, with causal attention: a token sees itself and earlier tokens.
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
    projections: Projections,
    output: Linear,
    heads: usize,
    instructions: Instructions,
}

/// The projections to queries, keys and values.
enum Projections {
    Leaves {
        query: Linear,
        key: Linear,
        value: Linear,
    },
    /// Packed for this processor.
    Packed {
        query: Linear,
        /// Keys and values side by side.
        key_value: Linear,
    },
}

impl Attention {
    /// Creates attention over `width` numbers a token; `width` is a multiple of `heads`.
    ///
    /// All projections are (width, width); that of the output may have another output width. `weights` decides whether
    /// they are [packed](Linear::packed).
    ///
    /// # Errors
    /// When the projections' shapes do not match.
    pub fn new(
        [query, key, value]: [Linear; 3],
        output: Linear,
        heads: usize,
        weights: &Weights<'_>,
    ) -> Result<Self> {
        let key_value = Linear::side_by_side(&[&key, &value], weights)?;
        let packed = Linear::side_by_side(&[&query], weights)?.zip(key_value);
        Ok(Self {
            projections: match packed {
                Some((query, key_value)) => Projections::Packed { query, key_value },
                None => Projections::Leaves { query, key, value },
            },
            output: output.packed(weights)?,
            heads,
            instructions: weights.arithmetic().instructions,
        })
    }

    /// (tokens, width) → (tokens, width), then `then`. `hidden` holds the tokens of all `sequences`, one after
    /// another.
    ///
    /// # Errors
    /// When `hidden` has another shape.
    pub fn forward(
        &self,
        hidden: &Tensor,
        sequences: &Sequences,
        then: Then<'_>,
    ) -> Result<Tensor> {
        let attended = match &self.projections {
            Projections::Packed { query, key_value } => {
                let [query, key_value] = Linear::forward_all([query, key_value], hidden)?;
                self.fused(&query, &key_value, sequences, Queries::All)?
            }
            Projections::Leaves { query, key, value } => {
                let leaves = [query, key, value];
                self.plain(leaves, hidden, hidden, sequences, Queries::All)?
            }
        };
        self.output.forward_then(&attended, then)
    }

    /// Attention for one query a sequence: (tokens, width) → (sequences, width), then `then`.
    ///
    /// `queries`, (sequences, width), are the rows of the tokens to compute. Each sees its whole sequence, so in
    /// causal sequences they must be the last tokens.
    ///
    /// # Errors
    /// When `queries` or `hidden` has another shape.
    pub fn forward_one(
        &self,
        queries: &Tensor,
        hidden: &Tensor,
        sequences: &Sequences,
        then: Then<'_>,
    ) -> Result<Tensor> {
        let attended = match &self.projections {
            Projections::Packed { query, key_value } => {
                let (query, key_value) = (query.forward(queries)?, key_value.forward(hidden)?);
                self.fused(&query, &key_value, sequences, Queries::One)?
            }
            Projections::Leaves { query, key, value } => {
                let leaves = [query, key, value];
                self.plain(leaves, queries, hidden, sequences, Queries::One)?
            }
        };
        self.output.forward_then(&attended, then)
    }

    /// → (queries, width), one run of equal lengths at a time.
    fn plain(
        &self,
        [query, key, value]: [&Linear; 3],
        queries: &Tensor,
        hidden: &Tensor,
        sequences: &Sequences,
        of_each: Queries,
    ) -> Result<Tensor> {
        let mut first = 0;
        let parts = sequences.runs().into_iter().map(|run| {
            let sizes = Sizes {
                sequences: run.count,
                queries: match of_each {
                    Queries::All => run.length,
                    Queries::One => 1,
                },
                keys: run.length,
                heads: self.heads,
                causal: sequences.causal && of_each == Queries::All,
            };
            let count = sizes.sequences * sizes.queries;
            let queries = queries.narrow(0, first, count)?;
            first += count;
            let rows = hidden.narrow(0, run.rows.start, run.rows.len())?;
            let keys = [key.forward(&rows)?, value.forward(&rows)?];
            sizes.plain(&query.forward(&queries)?, &keys)
        });
        Ok(Tensor::cat(&parts.collect::<Result<Vec<_>>>()?, 0)?)
    }

    /// → (queries, width)
    fn fused(
        &self,
        query: &Tensor,
        key_value: &Tensor,
        sequences: &Sequences,
        queries: Queries,
    ) -> Result<Tensor> {
        let (keys, width) = (sequences.lengths.iter().sum(), query.dim(1)?);
        let rows = match queries {
            Queries::All => keys,
            Queries::One => sequences.lengths.len(),
        };
        kernel::expect_shape(query, &[rows, width - width % self.heads])?;
        kernel::expect_shape(key_value, &[keys, 2 * width])?;
        kernel::compute([query, key_value], query.shape(), |[query, key_value]| {
            let heads = Heads {
                count: self.heads,
                lengths: &sequences.lengths,
                queries,
                causal: sequences.causal,
                instructions: self.instructions,
            };
            heads.attend(query, key_value)
        })
    }
}

/// Attention over sequences of one length, whose queries, keys and values are (sequences x tokens, width).
struct Sizes {
    sequences: usize,
    /// Queries a sequence.
    queries: usize,
    /// Keys, and values, a sequence.
    keys: usize,
    heads: usize,
    causal: bool,
}

impl Sizes {
    /// → (sequences x queries, width)
    fn plain(&self, query: &Tensor, key_value: &[Tensor; 2]) -> Result<Tensor> {
        let Self {
            sequences,
            queries,
            keys,
            heads,
            ..
        } = *self;
        let width = query.dim(1)?;
        let head = width / heads;
        let query = query.reshape((sequences, queries, heads, head))?;
        let scale = (head as f64).powf(-0.5);
        let query = (query * scale)?.transpose(1, 2)?.contiguous()?;
        let by_head = |part: &Tensor| {
            part.reshape((sequences, keys, heads, head))?
                .transpose(1, 2)?
                .contiguous()
        };
        let [key, value] = key_value;
        let scores = query.matmul(&by_head(key)?.t()?)?;
        let scores = if self.causal {
            scores.broadcast_add(&causal_mask(keys, scores.device())?)?
        } else {
            scores
        };
        let powers = scores
            .broadcast_sub(&scores.max_keepdim(D::Minus1)?)?
            .exp()?;
        let shares = powers.broadcast_div(&powers.sum_keepdim(D::Minus1)?)?;
        let heads = shares.matmul(&by_head(value)?)?;
        Ok(heads
            .transpose(1, 2)?
            .reshape((sequences * queries, width))?)
    }
}

/// 0 where the row sees the column, minus infinity elsewhere.
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

#[cfg(test)]
mod tests {
    use candle_core::Var;

    use super::*;
    use crate::{Arithmetic, Precision};

    fn random(rows: usize, columns: usize) -> Tensor {
        crate::random::normal(0.0, 2.0, (rows, columns))
    }

    #[track_caller]
    fn case(lengths: &[usize], causal: bool, one: bool, width: usize, heads: usize) {
        let leaves = || {
            let linear = || {
                let weight = (random(width, width) * (0.3 / (width as f64).sqrt())).unwrap();
                Linear::from_tensors(weight, Some(random(1, width).flatten_all().unwrap())).unwrap()
            };
            ([linear(), linear(), linear()], linear())
        };
        let (projections, output) = leaves();
        let [query, key, value] = &projections;
        let packed = |instructions| {
            let weights = Weights::none().packed_for(Arithmetic {
                precision: Precision::F32,
                instructions,
            });
            let packed = |parts: &[&Linear]| Linear::side_by_side(parts, &weights).unwrap();
            Attention {
                projections: Projections::Packed {
                    query: packed(&[query]).unwrap(),
                    key_value: packed(&[key, value]).unwrap(),
                },
                output: packed(&[&output]).unwrap(),
                heads,
                instructions,
            }
        };
        let packed: Vec<_> = Instructions::available().into_iter().map(packed).collect();
        let [query, key, value] = projections;
        let leaves = Attention {
            projections: Projections::Leaves { query, key, value },
            output,
            heads,
            instructions: Instructions::best(),
        };
        let sequences = if causal {
            Sequences::causal(lengths.to_vec())
        } else {
            Sequences::open(lengths.to_vec())
        };
        let hidden = random(lengths.iter().sum(), width);
        let (queries, add) = (
            random(lengths.len(), width),
            random(lengths.iter().sum(), width),
        );
        let forward = |attention: &Attention, hidden: &Tensor| {
            if one {
                attention.forward_one(&queries, hidden, &sequences, Then::default())
            } else {
                attention.forward(hidden, &sequences, Then::adding(&add))
            }
        };
        let variable = Var::from_tensor(&hidden).unwrap();
        let plain = forward(&leaves, variable.as_tensor()).unwrap();
        for packed in packed {
            let fused = forward(&packed, &hidden).unwrap();
            let off = kernel::largest_difference(&fused, &plain);
            let instructions = packed.instructions;
            assert!(off < 2e-5, "{instructions:?}: the forms differ by {off}");
        }
        let gradients = plain.sum_all().unwrap().backward().unwrap();
        assert!(gradients.get(&variable).is_some());
    }

    #[test]
    fn forms_agree() {
        for (lengths, width, heads) in [
            (&[5, 5][..], 12, 3),
            (&[1, 3, 3, 17], 16, 1),
            (&[50], 64, 2),
            (&[77, 2], 80, 5),
        ] {
            case(lengths, false, false, width, heads);
            case(lengths, true, false, width, heads);
            case(lengths, false, true, width, heads);
        }
    }

    /// Otherwise uninitialised numbers would be taken for results.
    #[test]
    fn rows_that_are_in_no_sequence_are_refused() {
        let weights = Weights::none();
        let linear = || Linear::from_tensors(random(12, 12), None).unwrap();
        let attention = |heads| {
            let projections = [linear(), linear(), linear()];
            Attention::new(projections, linear(), heads, &weights).unwrap()
        };
        let forward = |heads, rows, lengths| {
            let sequences = Sequences::open(lengths);
            attention(heads).forward(&random(rows, 12), &sequences, Then::default())
        };
        assert!(forward(3, 7, vec![3, 4]).is_ok());
        assert!(forward(3, 8, vec![3, 4]).is_err());
        assert!(forward(5, 7, vec![3, 4]).is_err());
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
