//! Batches of texts that are computed each at its own length: their tokens lie one after another, without padding.

use candle_core::Tensor;

use crate::{Error, Result};

/// What `compute` makes of the texts, a row each, in their order.
///
/// `compute` gets them sorted by length: those of one length are computed together when they follow one another.
///
/// # Errors
/// Those of `compute`, and when it gives another number of rows.
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

/// The texts as slices, of which each has to have 1 to `limit` tokens.
///
/// # Errors
/// [`Error::TokenCount`] for one that has not.
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

/// What `pool` makes of the rows of every text, (its tokens, width), a row each: (tokens, width) → (texts, …).
///
/// # Errors
/// Those of `pool`, and when there are fewer tokens than `lengths` says.
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
