use candle_core::Tensor;

use super::kernel;
use crate::{
    Error, Result,
    weights::{Rows, Weights},
};

/// A learned vector for every token.
pub(crate) enum Embedding {
    /// (tokens, width), wherever the model computes: it can be trained.
    Tensor(Tensor),
    /// The same in the file, for the CPU.
    Rows(Rows),
}

impl Embedding {
    pub(crate) fn new(tokens: usize, width: usize, weights: &Weights<'_>) -> Result<Self> {
        Ok(match weights.device().is_cpu() {
            true => Self::Rows(weights.rows("weight", [tokens, width])?),
            false => Self::Tensor(weights.tensor("weight", &[tokens, width])?),
        })
    }

    /// The vectors of `tokens`, as (tokens, width).
    ///
    /// # Errors
    /// When an id lies outside the vocabulary.
    pub(crate) fn forward(&self, tokens: &[u32]) -> Result<Tensor> {
        let vocabulary = match self {
            Self::Tensor(weight) => weight.dim(0)?,
            Self::Rows(rows) => rows.count(),
        };
        if let Some(&found) = tokens.iter().find(|&&id| id as usize >= vocabulary) {
            return Err(Error::TokenId { found, vocabulary });
        }
        match self {
            Self::Tensor(weight) => {
                let tokens = Tensor::new(tokens, weight.device())?;
                Ok(weight.index_select(&tokens, 0)?)
            }
            Self::Rows(rows) => look_up(rows, tokens),
        }
    }
}

fn look_up(rows: &Rows, tokens: &[u32]) -> Result<Tensor> {
    let width = rows.width();
    let mut numbers = vec![0.0; tokens.len() * width];
    for (numbers, &token) in numbers.chunks_exact_mut(width).zip(tokens) {
        rows.read(token as usize, numbers);
    }
    kernel::compute([], (tokens.len(), width), |[]| numbers)
}

/// The rows of `table`, (positions, width), for the tokens of texts that follow one another: (tokens, width).
pub(crate) fn positions(table: &Tensor, texts: &[&[u32]]) -> Result<Tensor> {
    let positions: Vec<u32> = texts
        .iter()
        .flat_map(|tokens| 0..tokens.len() as u32)
        .collect();
    Ok(table.index_select(&Tensor::new(positions, table.device())?, 0)?)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use candle_core::Device;

    use super::*;
    use crate::Checkpoint;

    /// In float32 and bfloat16.
    #[test]
    fn forms_agree() {
        for (name, tokens, width) in [("quick-gelu", 1014, 24), ("old-config", 714, 16)] {
            let directory = Path::new("tests/fixtures").join(name);
            let checkpoint = Checkpoint::open(&directory).unwrap();
            let weights = checkpoint.weights(&Device::Cpu).unwrap();
            let weights = weights.below("text_model.embeddings.token_embedding");
            let tensor = weights.tensor("weight", &[tokens, width]).unwrap();
            let rows = Embedding::new(tokens, width, &weights).unwrap();
            let ids = [0, tokens as u32 - 1, 7, 7];
            let found = rows.forward(&ids).unwrap();
            let expected = Embedding::Tensor(tensor).forward(&ids).unwrap();
            assert_eq!(kernel::largest_difference(&found, &expected), 0.0);
            assert!(rows.forward(&[tokens as u32]).is_err());
        }
    }
}
