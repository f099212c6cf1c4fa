use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The maximum number of nonzero values of a sparse vector.
pub const SPARSE_LIMIT: usize = 2_048;

/// The nonzero values of a sparse vector.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SparseValues {
    /// The positions of the values.
    pub indices: Vec<u32>,
    /// The values, in the order of `indices`.
    pub values: Vec<f32>,
}

impl SparseValues {
    /// Checks that the values form a valid sparse vector.
    ///
    /// # Errors
    /// `InvalidSparse`, or `NotFinite`.
    pub(crate) fn check(&self) -> Result<()> {
        let invalid = |what: String| Err(Error::InvalidSparse { what });
        let Self { indices, values } = self;
        if indices.len() != values.len() {
            let (indices, values) = (indices.len(), values.len());
            return invalid(format!("it has {indices} indices and {values} values"));
        }
        if indices.is_empty() || indices.len() > SPARSE_LIMIT {
            let got = indices.len();
            return invalid(format!("it has {got} values, not 1 to {SPARSE_LIMIT}"));
        }
        let mut sorted = indices.clone();
        sorted.sort_unstable();
        if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            return invalid(format!("index {} occurs twice", pair[0]));
        }
        match values.iter().position(|value| !value.is_finite()) {
            Some(position) => Err(Error::NotFinite {
                position,
                got: values[position],
            }),
            None => Ok(()),
        }
    }

    /// Each index with its value.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (u32, f32)> {
        self.indices
            .iter()
            .copied()
            .zip(self.values.iter().copied())
    }

    /// The bytes: pairs of an index and a value, little-endian.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let pair = |(index, value): (u32, f32)| {
            let (index, value) = (index.to_le_bytes(), value.to_le_bytes());
            index.into_iter().chain(value)
        };
        self.pairs().flat_map(pair).collect()
    }

    /// Reads the output of [`to_bytes`](Self::to_bytes); `None` if the bytes are invalid.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (pairs, rest) = bytes.as_chunks::<8>();
        let read = |pair: &[u8; 8]| {
            let [a, b, c, d, e, f, g, h] = *pair;
            (
                u32::from_le_bytes([a, b, c, d]),
                f32::from_le_bytes([e, f, g, h]),
            )
        };
        let (indices, values) = pairs.iter().map(read).unzip();
        rest.is_empty().then_some(Self { indices, values })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sparse(indices: &[u32], values: &[f32]) -> SparseValues {
        SparseValues {
            indices: indices.to_vec(),
            values: values.to_vec(),
        }
    }

    #[test]
    fn what_is_no_vector_is_refused() {
        assert!(sparse(&[7, 3], &[0.5, 0.25]).check().is_ok());
        assert!(sparse(&[], &[]).check().is_err());
        assert!(sparse(&[1], &[]).check().is_err());
        assert!(sparse(&[1, 2, 1], &[1.0; 3]).check().is_err());
        assert!(sparse(&[1], &[f32::NAN]).check().is_err());
        let many: Vec<u32> = (0..2_049).collect();
        assert!(sparse(&many, &[1.0; 2_049]).check().is_err());
    }

    #[test]
    fn bytes_are_read_as_written() {
        let vector = sparse(&[7, u32::MAX], &[-0.5, 1e-30]);
        assert_eq!(SparseValues::from_bytes(&vector.to_bytes()), Some(vector));
        assert_eq!(SparseValues::from_bytes(&[0; 9]), None);
    }
}
