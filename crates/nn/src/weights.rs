//! Reads tensors by name from the weights files of a checkpoint.

mod numbers;
mod pickle;
mod rows;
mod safetensors_file;
mod stored;
mod writing;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use candle_core::{Device, Tensor, Var};
use safetensors::Dtype;

pub(crate) use self::rows::Rows;
pub use self::{stored::Stored, writing::write_tensors};
use crate::{Arithmetic, Contents, Error, Precision, Result};

/// A weights file, for [`Weights::open`].
pub struct WeightsFile<'a> {
    /// Its path, for error messages.
    pub path: String,
    /// Its bytes.
    pub contents: &'a Arc<Contents>,
    /// The file's format.
    pub format: WeightsFormat,
    /// A prefix, followed by a dot, for its tensors' names if several files use the same names.
    pub prefix: Option<&'a str>,
}

/// The format of a weights file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeightsFormat {
    /// [safetensors](https://huggingface.co/docs/safetensors/index#format).
    Safetensors,
    /// PyTorch's `torch.save` format, a pickle. Nothing in it is executed.
    Pickle,
}

/// A checkpoint's weights below a prefix of their names, similar to candle's `VarBuilder`.
///
/// Files may be whole or sharded, safetensors or PyTorch; once open, all are a list of [`Stored`] tensors. A network
/// asks for tensors by its own names; [`named`](Self::named) maps them to the checkpoint's. Tensors are returned as
/// f32, from float32, float16 or bfloat16.
#[derive(Clone)]
pub struct Weights<'a> {
    source: Arc<Source<'a>>,
    prefix: String,
    naming: fn(&str) -> TensorLocation,
    arithmetic: Arithmetic,
    streamed: bool,
    /// `None` unless trainable.
    variables: Option<Arc<Mutex<BTreeMap<String, Var>>>>,
}

struct Source<'a> {
    /// The first file's path, for error messages.
    file: String,
    tensors: BTreeMap<String, Stored<'a>>,
    device: Device,
}

/// Where the file holds a tensor that a network asks for.
#[derive(Debug, PartialEq, Eq)]
pub struct TensorLocation {
    /// Its full name in the file.
    pub name: String,
    /// The part of the tensor.
    pub part: Part,
}

/// The part of a stored tensor that a network asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The whole tensor.
    Whole,
    /// One of three equal parts along the first dimension, such as queries, keys and values: 0, 1 or 2.
    Third(usize),
    /// The transposed tensor.
    Transposed,
}

impl TensorLocation {
    /// The whole tensor `name`.
    pub fn whole(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            part: Part::Whole,
        }
    }
}

impl Part {
    /// The shape of the stored tensor, given the shape of the part.
    fn stored_shape(self, shape: &[usize]) -> Vec<usize> {
        let mut stored = shape.to_vec();
        match self {
            Self::Whole => {}
            Self::Third(_) => stored[0] = stored[0].saturating_mul(3),
            Self::Transposed => stored.reverse(),
        }
        stored
    }
}

/// Reads the tensors of a file, with their names.
fn read<'a>(
    contents: &'a Arc<Contents>,
    format: WeightsFormat,
    file: &Arc<str>,
) -> Result<Vec<(String, Stored<'a>)>> {
    if contents.starts_with(b"version https://git-lfs") {
        return Err(Error::Pointer {
            file: file.to_string(),
        });
    }
    match format {
        WeightsFormat::Pickle => pickle::read(contents, file),
        WeightsFormat::Safetensors => safetensors_file::read(contents, file),
    }
}

impl<'a> Weights<'a> {
    /// Reads the headers of `files`, for tensors on `device`. If files share a tensor's name, the last one wins.
    ///
    /// # Errors
    /// When a file has another format, is damaged, or is a Git LFS pointer.
    pub fn open(files: &[WeightsFile<'a>], device: &Device) -> Result<Self> {
        let mut tensors = BTreeMap::new();
        for file in files {
            let path: Arc<str> = file.path.as_str().into();
            let read = read(file.contents, file.format, &path)?.into_iter();
            match file.prefix {
                Some(prefix) => {
                    tensors.extend(read.map(|(name, stored)| (format!("{prefix}.{name}"), stored)));
                }
                None => tensors.extend(read),
            }
        }
        let source = Source {
            file: files
                .first()
                .map(|file| file.path.clone())
                .unwrap_or_default(),
            tensors,
            device: device.clone(),
        };
        Ok(Self {
            source: Arc::new(source),
            prefix: String::new(),
            naming: |name| TensorLocation::whole(name),
            arithmetic: Arithmetic::default(),
            streamed: false,
            variables: None,
        })
    }

    /// No tensors.
    #[cfg(test)]
    pub(crate) fn none() -> Self {
        Self::open(&[], &Device::Cpu).expect("no file can be damaged")
    }

    /// The same tensors. Operations pack those in the CPU's memory for `arithmetic`.
    pub fn packed_for(self, arithmetic: Arithmetic) -> Self {
        Self { arithmetic, ..self }
    }

    /// The same tensors, packed in bf16 instead of int8, for inputs that lose too much as bytes.
    pub fn at_least_bf16(mut self) -> Self {
        if self.arithmetic.precision == Precision::Int8 {
            self.arithmetic.precision = Precision::Bf16;
        }
        self
    }

    /// The same tensors. Instead of packing them, [`Linear`](crate::Linear) streams them from the file at each use.
    /// This pays for a network that is used once.
    pub fn streamed(self) -> Self {
        Self {
            streamed: true,
            ..self
        }
    }

    /// The same tensors as variables: operations do not pack them, and gradients flow to them.
    ///
    /// [`variables`](Self::variables) returns those in use.
    pub fn trainable(self) -> Self {
        Self {
            variables: Some(Arc::default()),
            ..self
        }
    }

    /// The variables in use, by their names in the file. Empty unless [trainable](Self::trainable).
    pub fn variables(&self) -> BTreeMap<String, Var> {
        let variables = self.variables.as_ref();
        let variables = variables.map(|variables| lock(variables).clone());
        variables.unwrap_or_default()
    }

    /// Precision and instructions of packed weights.
    pub(crate) fn arithmetic(&self) -> Arithmetic {
        self.arithmetic
    }

    /// Whether operations pack these weights: they are on the CPU and not trainable.
    pub(crate) fn are_packed(&self) -> bool {
        self.variables.is_none() && self.device().is_cpu()
    }

    /// Whether operations stream these weights from the file at each use.
    pub(crate) fn are_streamed(&self) -> bool {
        self.streamed && self.are_packed()
    }

    /// The same tensors for a network with other names: `naming` maps a full name to the stored tensor. Leading
    /// dimensions of 1 may differ.
    pub fn named(self, naming: fn(&str) -> TensorLocation) -> Self {
        Self { naming, ..self }
    }

    /// The weights below `name` and a dot.
    pub fn below(&self, name: &str) -> Self {
        Self {
            prefix: format!("{}{name}.", self.prefix),
            ..self.clone()
        }
    }

    /// The device of the tensors.
    pub fn device(&self) -> &Device {
        &self.source.device
    }

    /// The first file's path, for error messages.
    pub fn file(&self) -> &str {
        &self.source.file
    }

    /// Whether the tensor `name` exists.
    pub fn has(&self, name: &str) -> bool {
        self.source.tensors.contains_key(&self.location(name).name)
    }

    /// Returns the tensor `name`, of the shape `shape`, as f32.
    ///
    /// # Errors
    /// When it is missing, or has another shape or an unreadable type.
    pub fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor> {
        let location = self.location(name);
        let stored = self.stored(&location.name)?;
        let expected = location.part.stored_shape(shape);
        stored.check_shape(&location.name, &expected)?;
        if let Some(variables) = &self.variables {
            let stored = self.variable(variables, &location.name, stored, &expected)?;
            return Ok(match location.part {
                Part::Whole => stored,
                Part::Third(third) => stored.narrow(0, third * shape[0], shape[0])?,
                Part::Transposed => stored.t()?,
            });
        }
        let numbers = stored.floats(&location.name)?;
        let tensor = match location.part {
            Part::Whole => Tensor::from_vec(numbers, shape, self.device())?,
            Part::Third(third) => {
                let length = numbers.len() / 3;
                let numbers = &numbers[third * length..][..length];
                Tensor::from_slice(numbers, shape, self.device())?
            }
            Part::Transposed => Tensor::from_vec(numbers, expected, self.device())?
                .t()?
                .contiguous()?,
        };
        Ok(tensor)
    }

    /// The variable for the tensor `name`, created at its first use.
    fn variable(
        &self,
        variables: &Mutex<BTreeMap<String, Var>>,
        name: &str,
        stored: &Stored<'_>,
        shape: &[usize],
    ) -> Result<Tensor> {
        let mut variables = lock(variables);
        if let Some(variable) = variables.get(name) {
            return Ok(variable.as_tensor().reshape(shape)?);
        }
        let numbers = stored.floats(name)?;
        let variable = Var::from_vec(numbers, shape, self.device())?;
        let tensor = variable.as_tensor().clone();
        variables.insert(name.to_owned(), variable);
        Ok(tensor)
    }

    /// The rows of the tensor `name`, of the shape `shape`, read from the file on demand into the CPU's memory. `None`
    /// if the stored tensor is transposed.
    pub(crate) fn rows(&self, name: &str, [count, width]: [usize; 2]) -> Result<Option<Rows>> {
        let TensorLocation { name, part } = self.location(name);
        let stored = self.stored(&name)?;
        Ok(match part {
            Part::Whole => Some(stored.rows(&name, [count, width])?),
            Part::Third(third) => {
                let all = stored.rows(&name, [count.saturating_mul(3), width])?;
                Some(all.third(third))
            }
            Part::Transposed => None,
        })
    }

    /// Returns the bytes of the tensor `name`, of the type `element` and the shape `shape`: row-major, little-endian.
    ///
    /// # Errors
    /// When it is missing, or has another shape or type.
    pub fn bytes(&self, name: &str, element: Dtype, shape: &[usize]) -> Result<&[u8]> {
        let name = self.location(name).name;
        self.stored(&name)?.bytes(&name, element, shape)
    }

    /// Returns the only number of the tensor `name`, which has no dimension or one.
    ///
    /// # Errors
    /// When it is missing, or has another shape or an unreadable type.
    pub fn scalar(&self, name: &str) -> Result<f32> {
        let name = self.location(name).name;
        let stored = self.stored(&name)?;
        stored.check_shape(&name, &[])?;
        Ok(stored.floats(&name)?.first().copied().unwrap_or_default())
    }

    /// The number of all learned parameters, without position ids and other counters.
    pub fn parameters(&self) -> u64 {
        let sizes = self
            .tensors()
            .map(|(_, stored)| stored.shape.iter().product::<usize>() as u64);
        sizes.sum()
    }

    /// The learned tensors of all files, sorted by name.
    pub fn tensors(&self) -> impl Iterator<Item = (&str, &Stored<'a>)> {
        let learned = |(_, stored): &(&String, &Stored<'a>)| stored.element != Dtype::I64;
        let tensors = self.source.tensors.iter().filter(learned);
        tensors.map(|(name, stored)| (name.as_str(), stored))
    }

    fn location(&self, name: &str) -> TensorLocation {
        (self.naming)(&format!("{}{name}", self.prefix))
    }

    fn stored(&self, name: &str) -> Result<&Stored<'a>> {
        let stored = self.source.tensors.get(name);
        stored.ok_or_else(|| Error::MissingTensor {
            file: self.source.file.clone(),
            name: name.to_owned(),
        })
    }
}

fn lock(
    variables: &Mutex<BTreeMap<String, Var>>,
) -> std::sync::MutexGuard<'_, BTreeMap<String, Var>> {
    variables.lock().unwrap_or_else(PoisonError::into_inner)
}
