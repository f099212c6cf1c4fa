use std::ops::Range;

use candle_core::Tensor;
use nn::{Result, Weights};

/// Position embeddings: a vector for each cell of a square grid.
pub(crate) struct Positions {
    /// (grid x grid, width)
    table: Tensor,
    grid: usize,
}

impl Positions {
    /// Reads `weights.position_embedding.weight`.
    pub(crate) fn new(grid: usize, width: usize, weights: &Weights<'_>) -> Result<Self> {
        let table = weights.tensor("position_embedding.weight", &[grid * grid, width])?;
        Ok(Self { table, grid })
    }

    /// Resizes the embeddings to another grid: (1, rows x columns, width).
    ///
    /// Bilinear, and antialiased when the grid shrinks, equal to PyTorch's
    /// [`interpolate`](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.interpolate.html) with
    /// `antialias`.
    pub(crate) fn resized(&self, rows: usize, columns: usize) -> Result<Tensor> {
        if (rows, columns) == (self.grid, self.grid) {
            return Ok(self.table.unsqueeze(0)?);
        }
        let (_, width) = self.table.dims2()?;
        let vertical = self.weights(rows)?;
        let horizontal = self.weights(columns)?;
        // (rows, grid) · (grid, grid x width), then for each row (columns, grid) · (grid, width).
        let table = self.table.reshape((self.grid, self.grid * width))?;
        let table = vertical.matmul(&table)?.reshape((rows, self.grid, width))?;
        let horizontal = horizontal
            .unsqueeze(0)?
            .expand((rows, columns, self.grid))?;
        let table = horizontal.contiguous()?.matmul(&table)?;
        Ok(table.reshape((1, rows * columns, width))?)
    }

    /// The weights of the grid's lines in each of `lines` new lines: (lines, grid).
    fn weights(&self, lines: usize) -> Result<Tensor> {
        let mut weights = vec![0.0; lines * self.grid];
        for (line, weights) in weights.chunks_exact_mut(self.grid).enumerate() {
            let (range, shares) = shares(line, lines, self.grid);
            weights[range].copy_from_slice(&shares);
        }
        let shape = (lines, self.grid);
        Ok(Tensor::from_vec(weights, shape, self.table.device())?)
    }
}

/// The grid's lines that contribute to new line `line` of `lines`, and their weights.
fn shares(line: usize, lines: usize, grid: usize) -> (Range<usize>, Vec<f32>) {
    let scale = grid as f32 / lines as f32;
    let support = scale.max(1.0);
    let centre = scale * (line as f32 + 0.5);
    let first = (centre - support + 0.5).max(0.0) as usize;
    let end = ((centre + support + 0.5) as usize).min(grid);
    let distance = |other: usize| (other as f32 - centre + 0.5) / support;
    let shares = (first..end).map(|other| (1.0 - distance(other).abs()).max(0.0));
    let shares: Vec<f32> = shares.collect();
    let sum: f32 = shares.iter().sum();
    (first..end, shares.iter().map(|share| share / sum).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_those_of_a_triangle() {
        assert_eq!(shares(1, 4, 4), (1..3, vec![1.0, 0.0]));
        assert_eq!(shares(0, 4, 2), (0..1, vec![1.0]));
        assert_eq!(shares(1, 4, 2), (0..2, vec![0.75, 0.25]));
        assert_eq!(
            shares(0, 2, 4),
            (0..3, vec![3.0 / 7.0, 3.0 / 7.0, 1.0 / 7.0])
        );
        assert_eq!(shares(0, 1, 2), (0..2, vec![0.5, 0.5]));
    }
}
