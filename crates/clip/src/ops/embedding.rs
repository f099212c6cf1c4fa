use candle_core::Tensor;

use crate::{Error, Result, weights::Weights};

/// A learned vector for every token.
pub(crate) struct Embedding {
    /// (tokens, width)
    weight: Tensor,
}

impl Embedding {
    pub(crate) fn new(tokens: usize, width: usize, weights: &Weights<'_>) -> Result<Self> {
        Ok(Self {
            weight: weights.tensor("weight", &[tokens, width])?,
        })
    }

    /// The vectors of `tokens`, as (tokens, width).
    ///
    /// # Errors
    /// When an id lies outside the vocabulary.
    pub(crate) fn forward(&self, tokens: &[u32]) -> Result<Tensor> {
        let vocabulary = self.weight.dim(0)?;
        if let Some(&found) = tokens.iter().find(|&&id| id as usize >= vocabulary) {
            return Err(Error::TokenId { found, vocabulary });
        }
        Ok(self
            .weight
            .index_select(&Tensor::new(tokens, self.weight.device())?, 0)?)
    }
}

/// The rows of `table`, (positions, width), for the tokens of texts that follow one another: (tokens, width).
pub(crate) fn positions(table: &Tensor, texts: &[&[u32]]) -> Result<Tensor> {
    let positions: Vec<u32> = texts
        .iter()
        .flat_map(|tokens| 0..tokens.len() as u32)
        .collect();
    Ok(table.index_select(&Tensor::new(positions, table.device())?, 0)?)
}
