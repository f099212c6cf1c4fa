//! Ragged batches: texts' tokens one after another, without padding, each text at its own length.

use candle_core::Tensor;

use crate::{Error, Result};

/// Computes a row for each text, in the order of `texts`.
///
/// `compute` gets the texts sorted by length, because neighbours of equal length are computed together.
///
/// # Errors
/// Those of `compute`, and when it returns another number of rows.
pub fn by_length(
    texts: &[&[u32]],
    compute: impl FnOnce(&[&[u32]]) -> Result<Tensor>,
) -> Result<Tensor> {
    let mut order: Vec<usize> = (0..texts.len()).collect();
    order.sort_by_key(|&index| texts[index].len());
    let sorted: Vec<&[u32]> = order.iter().map(|&index| texts[index]).collect();
    let rows = compute(&sorted)?;
    let mut places = vec![0_u32; texts.len()];
    for (place, &index) in order.iter().enumerate() {
        places[index] = place as u32;
    }
    Ok(rows.index_select(&Tensor::new(places, rows.device())?, 0)?)
}

/// Returns the texts as slices after checking that each has 1 to `limit` tokens.
///
/// # Errors
/// [`Error::TokenCount`] for a text that is empty or too long.
pub fn checked(texts: &[Vec<u32>], limit: usize) -> Result<Vec<&[u32]>> {
    let check = |tokens: &Vec<u32>| (1..=limit).contains(&tokens.len());
    match texts.iter().find(|tokens| !check(tokens)) {
        None => Ok(texts.iter().map(Vec::as_slice).collect()),
        Some(tokens) => Err(Error::TokenCount {
            found: tokens.len(),
            limit,
        }),
    }
}

/// The number of tokens of every text.
pub fn lengths(texts: &[&[u32]]) -> Vec<usize> {
    texts.iter().map(|tokens| tokens.len()).collect()
}

/// Applies `pool` to the rows of every text: (tokens, width) → (texts, …).
///
/// # Errors
/// Those of `pool`, and when `lengths` exceed the number of tokens.
pub fn pool(
    hidden: &Tensor,
    lengths: &[usize],
    pool: impl Fn(&Tensor) -> candle_core::Result<Tensor>,
) -> Result<Tensor> {
    let mut start = 0;
    let rows = lengths.iter().map(|&length| {
        let tokens = hidden.narrow(0, start, length)?;
        start += length;
        pool(&tokens)
    });
    let rows = rows.collect::<candle_core::Result<Vec<_>>>()?;
    Ok(Tensor::stack(&rows, 0)?)
}
