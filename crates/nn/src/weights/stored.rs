use std::{borrow::Cow, sync::Arc};

use rayon::prelude::*;
use safetensors::Dtype;

use super::{Rows, numbers::decode_into};
use crate::{Contents, Error, Result};

/// Numbers that a thread decodes at a time.
const BLOCK: usize = 64 << 10;

/// A tensor in a file.
pub struct Stored<'a> {
    /// The file's path, for error messages.
    pub(crate) file: Arc<str>,
    /// The file's contents, if `data` is borrowed from them.
    pub(crate) owner: Arc<Contents>,
    pub(crate) element: Dtype,
    pub(crate) shape: Vec<usize>,
    /// All elements, in row-major order and little-endian.
    pub(crate) data: Cow<'a, [u8]>,
}

impl Stored<'_> {
    /// The type of its elements in the file.
    pub fn element(&self) -> Dtype {
        self.element
    }

    /// Its dimensions in the file, the outermost first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// All elements, row-major and little-endian.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// Rejects any shape but `expected`, ignoring leading dimensions of 1.
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

    /// The bytes of the elements, which must have the type `element` and the shape `shape`.
    pub(super) fn bytes(&self, name: &str, element: Dtype, shape: &[usize]) -> Result<&[u8]> {
        self.check_shape(name, shape)?;
        if self.element != element {
            return Err(self.refuse(name, &element.to_string()));
        }
        Ok(&self.data)
    }

    /// The elements as f32.
    pub fn floats(&self, name: &str) -> Result<Vec<f32>> {
        self.check_floats(name)?;
        if let Cow::Borrowed(data) = self.data {
            self.owner.will_need(data);
        }
        let bytes = self.element.bitsize() / 8;
        let mut numbers = vec![0.0; self.data.len() / bytes];
        let blocks = numbers.par_chunks_mut(BLOCK);
        blocks
            .zip(self.data.par_chunks(BLOCK * bytes))
            .for_each(|(numbers, data)| decode_into(data, self.element, numbers));
        if let Cow::Borrowed(data) = self.data {
            self.owner.release(data);
        }
        Ok(numbers)
    }

    /// The rows of the tensor, whose shape must be (count, width), read on demand.
    pub(super) fn rows(&self, name: &str, [count, width]: [usize; 2]) -> Result<Rows> {
        self.check_shape(name, &[count, width])?;
        self.check_floats(name)?;
        Ok(match &self.data {
            Cow::Borrowed(data) => Rows::new(&self.owner, data, self.element, count, width),
            Cow::Owned(data) => {
                let owner = Arc::new(Contents::from(data.clone()));
                Rows::new(&owner, &owner, self.element, count, width)
            }
        })
    }

    fn check_floats(&self, name: &str) -> Result<()> {
        match self.element {
            Dtype::F32 | Dtype::F16 | Dtype::BF16 => Ok(()),
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
