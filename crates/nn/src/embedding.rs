use candle_core::Tensor;

use crate::{Error, Result, Weights, kernel, weights::Rows};

/// A learned vector for every token of a vocabulary.
///
/// On the CPU, `forward` reads only the vectors that it needs from the file.
pub struct Embedding {
    table: Table,
}

enum Table {
    /// (tokens, width) on the model's device; trainable.
    Tensor(Tensor),
    /// The same rows in the file, for the CPU.
    Rows(Rows),
}

impl Embedding {
    /// Reads `weights.weight` (tokens, width).
    ///
    /// # Errors
    /// When a tensor is missing, or has another shape or an unreadable type.
    pub fn new(tokens: usize, width: usize, weights: &Weights<'_>) -> Result<Self> {
        let rows = if weights.are_packed() {
            weights.rows("weight", [tokens, width])?
        } else {
            None
        };
        let table = match rows {
            Some(rows) => Table::Rows(rows),
            None => Table::Tensor(weights.tensor("weight", &[tokens, width])?),
        };
        Ok(Self { table })
    }

    /// Returns the vectors of `tokens` as (tokens, width).
    ///
    /// # Errors
    /// [`Error::TokenId`] when an id lies outside the vocabulary.
    pub fn forward(&self, tokens: &[u32]) -> Result<Tensor> {
        let vocabulary = match &self.table {
            Table::Tensor(weight) => weight.dim(0)?,
            Table::Rows(rows) => rows.count(),
        };
        if let Some(&found) = tokens.iter().find(|&&id| id as usize >= vocabulary) {
            return Err(Error::TokenId { found, vocabulary });
        }
        match &self.table {
            Table::Tensor(weight) => {
                let tokens = Tensor::new(tokens, weight.device())?;
                Ok(weight.index_select(&tokens, 0)?)
            }
            Table::Rows(rows) => look_up(rows, tokens),
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

/// The position embeddings of several texts: (tokens, width) from `table`, (positions, width).
///
/// The texts' tokens follow one another; each text begins at position 0.
///
/// # Errors
/// When a text has more tokens than there are positions.
pub fn positions(table: &Tensor, texts: &[&[u32]]) -> Result<Tensor> {
    let positions: Vec<u32> = texts
        .iter()
        .flat_map(|tokens| 0..tokens.len() as u32)
        .collect();
    Ok(table.index_select(&Tensor::new(positions, table.device())?, 0)?)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use candle_core::Device;
    use half::bf16;
    use safetensors::{Dtype, tensor::TensorView};

    use super::*;
    use crate::{Contents, WeightsFile, WeightsFormat};

    const TOKENS: usize = 50;
    const WIDTH: usize = 12;

    /// Compares rows read from the file with those of the tensor that other devices use.
    #[track_caller]
    fn case(element: Dtype, bytes: &[u8]) {
        let view = TensorView::new(element, vec![TOKENS, WIDTH], bytes).unwrap();
        let file = safetensors::serialize([("words.weight", view)], None).unwrap();
        let contents = Arc::new(Contents::from(file));
        let file = WeightsFile {
            path: "model.safetensors".to_owned(),
            contents: &contents,
            format: WeightsFormat::Safetensors,
            prefix: None,
        };
        let weights = Weights::open(&[file], &Device::Cpu).unwrap().below("words");
        let tensor = weights.tensor("weight", &[TOKENS, WIDTH]).unwrap();
        let tensor = Embedding {
            table: Table::Tensor(tensor),
        };
        let rows = Embedding::new(TOKENS, WIDTH, &weights).unwrap();
        let ids = [0, TOKENS as u32 - 1, 7, 7];
        let (found, expected) = (rows.forward(&ids).unwrap(), tensor.forward(&ids).unwrap());
        assert_eq!(found.dims(), [4, WIDTH]);
        assert_eq!(kernel::largest_difference(&found, &expected), 0.0);
        for form in [rows, tensor] {
            let error = form.forward(&[TOKENS as u32]).unwrap_err();
            assert_eq!(
                error.to_string(),
                "token id 50 is not in the vocabulary of 50 tokens"
            );
        }
    }

    #[test]
    fn forms_agree() {
        let numbers = (0..TOKENS * WIDTH).map(|number| (number as f32).sin());
        let bytes: Vec<u8> = numbers.clone().flat_map(f32::to_le_bytes).collect();
        case(Dtype::F32, &bytes);
        let halves = numbers.flat_map(|number| bf16::from_f32(number).to_le_bytes());
        case(Dtype::BF16, &halves.collect::<Vec<u8>>());
    }
}
