use std::{borrow::Cow, sync::Arc};

use half::{bf16, f16};
use safetensors::Dtype;

use crate::{Error, Result};

/// A tensor as it lies in a file.
pub(crate) struct Stored<'a> {
    /// How errors call the file.
    pub(crate) file: Arc<str>,
    pub(crate) element: Dtype,
    pub(crate) shape: Vec<usize>,
    /// All elements, in row-major order and little-endian.
    pub(crate) data: Cow<'a, [u8]>,
}

impl Stored<'_> {
    /// Refuses another shape than `expected`; dimensions of 1 in front do not count.
    pub(super) fn check_shape(&self, name: &str, expected: &[usize]) -> Result<()> {
        if squeezed(&self.shape) == squeezed(expected) {
            return Ok(());
        }
        Err(Error::TensorShape {
            file: self.file.to_string(),
            name: name.to_owned(),
            found: self.shape.clone(),
            expected: expected.to_vec(),
        })
    }

    /// The elements as they are, which have to be of the type `element` and the shape `shape`.
    pub(super) fn bytes(&self, name: &str, element: Dtype, shape: &[usize]) -> Result<&[u8]> {
        self.check_shape(name, shape)?;
        if self.element != element {
            return Err(self.refuse(name, &element.to_string()));
        }
        Ok(&self.data)
    }

    /// The elements as f32.
    pub(super) fn floats(&self, name: &str) -> Result<Vec<f32>> {
        match self.element {
            Dtype::F32 => Ok(decode(&self.data, f32::from_le_bytes)),
            Dtype::F16 => Ok(decode(&self.data, |bytes| {
                f16::from_le_bytes(bytes).to_f32()
            })),
            Dtype::BF16 => Ok(decode(&self.data, |bytes| {
                bf16::from_le_bytes(bytes).to_f32()
            })),
            _ => Err(self.refuse(name, "one of F32, F16, BF16")),
        }
    }

    fn refuse(&self, name: &str, expected: &str) -> Error {
        Error::TensorType {
            file: self.file.to_string(),
            name: name.to_owned(),
            found: self.element.to_string(),
            expected: expected.to_owned(),
        }
    }
}

fn squeezed(shape: &[usize]) -> &[usize] {
    let ones = shape.iter().take_while(|&&size| size == 1).count();
    &shape[ones..]
}

fn decode<const BYTES: usize>(data: &[u8], number: impl Fn([u8; BYTES]) -> f32) -> Vec<f32> {
    let numbers = data.as_chunks::<BYTES>().0;
    numbers.iter().map(|&bytes| number(bytes)).collect()
}
