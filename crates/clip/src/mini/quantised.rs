//! Quantised weights: int8 with a scale per row, and int4 with a scale per group of columns.

use candle_core::{Device, Tensor};
use half::f16;
use nn::{Dtype, Error, Linear, Result, Weights};

/// Dequantises a matrix (outputs, inputs): the int8 `weights.weight` times `weights.scale` per row.
pub(super) fn matrix(inputs: usize, outputs: usize, weights: &Weights<'_>) -> Result<Tensor> {
    let bytes = weights.bytes("weight", Dtype::I8, &[outputs, inputs])?;
    let scales = weights
        .bytes("scale", Dtype::F32, &[outputs])?
        .as_chunks::<4>()
        .0;
    let mut numbers = Vec::with_capacity(inputs * outputs);
    for (row, &scale) in bytes.chunks_exact(inputs).zip(scales) {
        let scale = f32::from_le_bytes(scale);
        numbers.extend(row.iter().map(|&byte| f32::from(byte as i8) * scale));
    }
    Ok(Tensor::from_vec(
        numbers,
        (outputs, inputs),
        weights.device(),
    )?)
}

/// A product with such a matrix and the bias `weights.bias`.
pub(super) fn linear(inputs: usize, outputs: usize, weights: &Weights<'_>) -> Result<Linear> {
    leaves(inputs, outputs, weights)?.packed(weights)
}

/// Like [`linear`], but not packed yet, as attention needs it.
pub(super) fn leaves(inputs: usize, outputs: usize, weights: &Weights<'_>) -> Result<Linear> {
    let bias = weights.tensor("bias", &[outputs])?;
    Linear::from_tensors(matrix(inputs, outputs, weights)?, Some(bias))
}

/// A table of int4 vectors, dequantised on lookup.
pub(super) struct PackedEmbedding {
    /// Two columns a byte, the lower half first; each half is the value plus 8.
    packed: Vec<u8>,
    /// One for each group of columns of each row.
    scales: Vec<f16>,
    width: usize,
    group: usize,
    device: Device,
}

impl PackedEmbedding {
    /// Reads `count` vectors of `width` numbers: `weights.weight` (count, width / 2) and `weights.scale` (count, width
    /// / group).
    pub(super) fn new(
        count: usize,
        width: usize,
        group: usize,
        weights: &Weights<'_>,
    ) -> Result<Self> {
        let packed = weights
            .bytes("weight", Dtype::U8, &[count, width / 2])?
            .to_vec();
        let scales = weights
            .bytes("scale", Dtype::F16, &[count, width / group])?
            .as_chunks::<2>()
            .0;
        Ok(Self {
            packed,
            scales: scales
                .iter()
                .map(|&bytes| f16::from_le_bytes(bytes))
                .collect(),
            width,
            group,
            device: weights.device().clone(),
        })
    }

    /// Ids → (ids, width).
    pub(super) fn forward(&self, ids: &[u32]) -> Result<Tensor> {
        let mut numbers = Vec::with_capacity(ids.len() * self.width);
        for &id in ids {
            self.unpack(id, &mut numbers)?;
        }
        Ok(Tensor::from_vec(
            numbers,
            (ids.len(), self.width),
            &self.device,
        )?)
    }

    /// Appends the vector of `id` to `numbers`.
    fn unpack(&self, id: u32, numbers: &mut Vec<f32>) -> Result<()> {
        let vocabulary = self.packed.len() / (self.width / 2);
        let row = id as usize;
        if row >= vocabulary {
            return Err(Error::TokenId {
                found: id,
                vocabulary,
            });
        }
        let packed =
            self.packed[row * self.width / 2..][..self.width / 2].chunks_exact(self.group / 2);
        let scales = &self.scales[row * self.width / self.group..];
        for (group, scale) in packed.zip(scales) {
            let scale = scale.to_f32();
            let values = group.iter().flat_map(|byte| [byte & 15, byte >> 4]);
            numbers.extend(values.map(|value| (f32::from(value) - 8.0) * scale));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_unpacked_by_group() {
        let scales = [0.5, 2.0, 1.0, -1.0].map(f16::from_f32).to_vec();
        let embedding = PackedEmbedding {
            packed: vec![0x98, 0x7f, 0x80, 0x08],
            scales,
            width: 4,
            group: 2,
            device: Device::Cpu,
        };
        let rows = embedding
            .forward(&[1, 0])
            .unwrap()
            .to_vec2::<f32>()
            .unwrap();
        assert_eq!(rows, [[-8.0, 0.0, 0.0, 8.0], [0.0, 0.5, 14.0, -2.0]]);
    }

    #[test]
    fn ids_outside_the_table_are_refused() {
        let embedding = PackedEmbedding {
            packed: vec![0; 4],
            scales: vec![f16::ONE; 4],
            width: 4,
            group: 2,
            device: Device::Cpu,
        };
        assert!(matches!(
            embedding.forward(&[2]),
            Err(Error::TokenId {
                found: 2,
                vocabulary: 2
            })
        ));
    }
}
