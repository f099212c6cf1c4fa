//! Tensors by name, out of a checkpoint's weights file.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use half::{bf16, f16};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use crate::{Checkpoint, Error, Result, checkpoint::WEIGHTS};

/// The weights of a checkpoint below a prefix of their names, as `VarBuilder` in other candle code.
///
/// Other ways to keep weights (sharded, pickled, other names) belong behind [`Source`]; towers only ask for names
/// and shapes.
#[derive(Clone)]
pub(crate) struct Weights<'a> {
    source: Arc<Source<'a>>,
    prefix: String,
}

struct Source<'a> {
    file: String,
    tensors: SafeTensors<'a>,
}

impl<'a> Weights<'a> {
    /// Reads the header of the checkpoint's weights.
    pub(crate) fn open(checkpoint: &'a Checkpoint) -> Result<Self> {
        let file = checkpoint.place(WEIGHTS);
        let tensors = match SafeTensors::deserialize(checkpoint.require(WEIGHTS)?) {
            Ok(tensors) => tensors,
            Err(source) => return Err(Error::Weights { file, source }),
        };
        Ok(Self {
            source: Arc::new(Source { file, tensors }),
            prefix: String::new(),
        })
    }

    /// The weights whose names go on with `name` and a dot.
    pub(crate) fn below(&self, name: &str) -> Self {
        Self {
            source: Arc::clone(&self.source),
            prefix: self.full_name(name) + ".",
        }
    }

    /// The tensor `name` as it lies in the file, of any element type.
    pub(crate) fn view(&self, name: &str) -> Result<TensorView<'a>> {
        let name = self.full_name(name);
        let view = self.source.tensors.tensor(&name);
        view.map_err(|_| Error::MissingTensor {
            file: self.source.file.clone(),
            name,
        })
    }

    /// The tensor `name` in f32, which has to have the shape `shape`.
    pub(crate) fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor> {
        let numbers = self.floats(name, &self.shaped(name, shape)?)?;
        Ok(Tensor::from_vec(numbers, shape, &Device::Cpu)?)
    }

    /// The bytes of the tensor `name`, which has to have the element type `element` and the shape `shape`.
    pub(crate) fn bytes(&self, name: &str, element: Dtype, shape: &[usize]) -> Result<&'a [u8]> {
        let view = self.shaped(name, shape)?;
        if view.dtype() != element {
            return Err(self.refuse(name, &view, &element.to_string()));
        }
        Ok(view.data())
    }

    /// The single number in the tensor `name`, whether it has no dimension or one.
    pub(crate) fn scalar(&self, name: &str) -> Result<f32> {
        let view = self.view(name)?;
        match self.floats(name, &view)?.as_slice() {
            [value] => Ok(*value),
            _ => Err(Error::TensorShape {
                file: self.source.file.clone(),
                name: self.full_name(name),
                found: view.shape().to_vec(),
                expected: Vec::new(),
            }),
        }
    }

    /// How many numbers all tensors hold together.
    pub(crate) fn parameters(&self) -> u64 {
        let sizes = self
            .source
            .tensors
            .iter()
            .map(|(_, view)| view.shape().iter().product::<usize>() as u64);
        sizes.sum()
    }

    fn full_name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn shaped(&self, name: &str, shape: &[usize]) -> Result<TensorView<'a>> {
        let view = self.view(name)?;
        if view.shape() == shape {
            return Ok(view);
        }
        Err(Error::TensorShape {
            file: self.source.file.clone(),
            name: self.full_name(name),
            found: view.shape().to_vec(),
            expected: shape.to_vec(),
        })
    }

    fn refuse(&self, name: &str, view: &TensorView<'_>, expected: &str) -> Error {
        Error::TensorType {
            file: self.source.file.clone(),
            name: self.full_name(name),
            found: view.dtype().to_string(),
            expected: expected.to_owned(),
        }
    }

    fn floats(&self, name: &str, view: &TensorView<'_>) -> Result<Vec<f32>> {
        let data = view.data();
        match view.dtype() {
            Dtype::F32 => Ok(decode(data, f32::from_le_bytes)),
            Dtype::F16 => Ok(decode(data, |bytes| f16::from_le_bytes(bytes).to_f32())),
            Dtype::BF16 => Ok(decode(data, |bytes| bf16::from_le_bytes(bytes).to_f32())),
            _ => Err(self.refuse(name, view, "one of F32, F16, BF16")),
        }
    }
}

fn decode<const BYTES: usize>(data: &[u8], number: impl Fn([u8; BYTES]) -> f32) -> Vec<f32> {
    data.as_chunks::<BYTES>()
        .0
        .iter()
        .map(|&bytes| number(bytes))
        .collect()
}
