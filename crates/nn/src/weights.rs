//! Tensors by name, out of the files that hold a checkpoint's weights.

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

/// A file of weights, for [`Weights::open`].
pub struct WeightsFile<'a> {
    /// How errors call it.
    pub place: String,
    /// Its bytes.
    pub contents: &'a Arc<Contents>,
    /// What they are.
    pub format: WeightsFormat,
    /// What goes, with a dot, before its tensors' names, where several files have tensors of the same name.
    pub prefix: Option<&'a str>,
}

/// The format of a file of weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeightsFormat {
    /// [safetensors](https://huggingface.co/docs/safetensors/index#format).
    Safetensors,
    /// What PyTorch's `torch.save` writes, a pickle. Nothing in it is executed.
    Pickle,
}

/// The weights of a checkpoint below a prefix of their names, as `VarBuilder` in other candle code.
///
/// Whatever the files are, whole or sharded, safetensors or PyTorch's own, they are a list of [`Stored`] tensors once they
/// are open. A network asks for tensors by its own names; [`named`](Self::named) says where a checkpoint of other names
/// keeps them. Tensors come as f32, whatever they are saved in: float32, float16 or bfloat16.
#[derive(Clone)]
pub struct Weights<'a> {
    source: Arc<Source<'a>>,
    prefix: String,
    naming: fn(&str) -> Place,
    arithmetic: Arithmetic,
    streamed: bool,
    /// `None` where nothing is to be trained.
    variables: Option<Arc<Mutex<BTreeMap<String, Var>>>>,
}

struct Source<'a> {
    /// How errors call the file, the first of several.
    file: String,
    tensors: BTreeMap<String, Stored<'a>>,
    device: Device,
}

/// Where a tensor that a network asks for is kept.
#[derive(Debug, PartialEq, Eq)]
pub struct Place {
    /// Its full name in the file.
    pub name: String,
    /// What of it is meant.
    pub part: Part,
}

/// What of a tensor in the file is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Whole,
    /// The first, second or third of three of one shape that lie one after another, as queries, keys and values do: 0, 1 or 2.
    Third(usize),
    /// Rows as columns.
    Transposed,
}

impl Place {
    /// All of the tensor `name`.
    pub fn whole(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            part: Part::Whole,
        }
    }
}

impl Part {
    /// The shape of the tensor in the file, when that of the part is `shape`.
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

/// The tensors in a file, with their names.
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
    /// Reads the headers of `files`, for tensors on `device`. Of tensors of one name, the last file's counts.
    ///
    /// # Errors
    /// When a file is not of its format, is damaged, or is a pointer of Git LFS.
    pub fn open(files: &[WeightsFile<'a>], device: &Device) -> Result<Self> {
        let mut tensors = BTreeMap::new();
        for file in files {
            let place: Arc<str> = file.place.as_str().into();
            let read = read(file.contents, file.format, &place)?.into_iter();
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
                .map(|file| file.place.clone())
                .unwrap_or_default(),
            tensors,
            device: device.clone(),
        };
        Ok(Self {
            source: Arc::new(source),
            prefix: String::new(),
            naming: |name| Place::whole(name),
            arithmetic: Arithmetic::default(),
            streamed: false,
            variables: None,
        })
    }

    /// No tensors at all.
    #[cfg(test)]
    pub(crate) fn none() -> Self {
        Self::open(&[], &Device::Cpu).expect("no file can be damaged")
    }

    /// The same tensors, of which operations pack theirs for `arithmetic` where they lie in the CPU's memory.
    pub fn packed_for(self, arithmetic: Arithmetic) -> Self {
        Self { arithmetic, ..self }
    }

    /// The same tensors, packed in bf16 where they would be packed in int8: for inputs of which bytes lose too much.
    pub fn at_least_bf16(mut self) -> Self {
        if self.arithmetic.precision == Precision::Int8 {
            self.arithmetic.precision = Precision::Bf16;
        }
        self
    }

    /// The same tensors, which [`Linear`](crate::Linear) streams from the file at each use where it would pack them: for a
    /// network that is used once.
    pub fn streamed(self) -> Self {
        Self {
            streamed: true,
            ..self
        }
    }

    /// The same tensors as variables: operations leave them as they are, and gradients flow to them. Those that were
    /// asked for are in [`variables`](Self::variables).
    pub fn trainable(self) -> Self {
        Self {
            variables: Some(Arc::default()),
            ..self
        }
    }

    /// The variables by their names in the file; none where the weights are not [trainable](Self::trainable).
    pub fn variables(&self) -> BTreeMap<String, Var> {
        let variables = self.variables.as_ref();
        let variables = variables.map(|variables| lock(variables).clone());
        variables.unwrap_or_default()
    }

    /// How packed weights are computed with.
    pub(crate) fn arithmetic(&self) -> Arithmetic {
        self.arithmetic
    }

    /// Whether they are to be used and not trained, on the CPU.
    pub(crate) fn are_packed(&self) -> bool {
        self.variables.is_none() && self.device().is_cpu()
    }

    /// Whether they are to be read from the file at each use.
    pub(crate) fn are_streamed(&self) -> bool {
        self.streamed && self.are_packed()
    }

    /// The same tensors for a network that calls them otherwise: `naming` tells where the tensor is that has the full
    /// name it is given. Dimensions of 1 in front are of no importance to it.
    pub fn named(self, naming: fn(&str) -> Place) -> Self {
        Self { naming, ..self }
    }

    /// The weights whose names go on with `name` and a dot.
    pub fn below(&self, name: &str) -> Self {
        Self {
            prefix: format!("{}{name}.", self.prefix),
            ..self.clone()
        }
    }

    /// Where the tensors that it gives lie.
    pub fn device(&self) -> &Device {
        &self.source.device
    }

    /// The file, for errors; the first of several.
    pub fn file(&self) -> &str {
        &self.source.file
    }

    /// Whether there is a tensor `name`.
    pub fn has(&self, name: &str) -> bool {
        self.source.tensors.contains_key(&self.place(name).name)
    }

    /// The tensor `name` in f32, which has to have the shape `shape`.
    ///
    /// # Errors
    /// When it is missing, or has another shape or an unreadable type.
    pub fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor> {
        let place = self.place(name);
        let stored = self.stored(&place.name)?;
        let expected = place.part.stored_shape(shape);
        stored.check_shape(&place.name, &expected)?;
        if let Some(variables) = &self.variables {
            let stored = self.variable(variables, &place.name, stored, &expected)?;
            return Ok(match place.part {
                Part::Whole => stored,
                Part::Third(third) => stored.narrow(0, third * shape[0], shape[0])?,
                Part::Transposed => stored.t()?,
            });
        }
        let numbers = stored.floats(&place.name)?;
        let tensor = match place.part {
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

    /// The variable that is the tensor `name`, made where it wasn't asked for yet.
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

    /// The tensor `name`, which has to have the shape `shape`, as rows that are read when they are needed; they lie in
    /// the CPU's memory. `None` where its rows are columns in the file.
    pub(crate) fn rows(&self, name: &str, [count, width]: [usize; 2]) -> Result<Option<Rows>> {
        let Place { name, part } = self.place(name);
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

    /// The bytes of the tensor `name`, which has to have the element type `element` and the shape `shape`:
    /// row-major, little-endian.
    ///
    /// # Errors
    /// When it is missing, or has another shape or type.
    pub fn bytes(&self, name: &str, element: Dtype, shape: &[usize]) -> Result<&[u8]> {
        let name = self.place(name).name;
        self.stored(&name)?.bytes(&name, element, shape)
    }

    /// The single number in the tensor `name`, whether it has no dimension or one.
    ///
    /// # Errors
    /// When it is missing, or has another shape or an unreadable type.
    pub fn scalar(&self, name: &str) -> Result<f32> {
        let name = self.place(name).name;
        let stored = self.stored(&name)?;
        stored.check_shape(&name, &[])?;
        Ok(stored.floats(&name)?.first().copied().unwrap_or_default())
    }

    /// How many numbers all tensors hold together; positions and other counters are none of them.
    pub fn parameters(&self) -> u64 {
        let sizes = self
            .tensors()
            .map(|(_, stored)| stored.shape.iter().product::<usize>() as u64);
        sizes.sum()
    }

    /// The tensors of the files that were learned, in the order of their names.
    pub fn tensors(&self) -> impl Iterator<Item = (&str, &Stored<'a>)> {
        let learned = |(_, stored): &(&String, &Stored<'a>)| stored.element != Dtype::I64;
        let tensors = self.source.tensors.iter().filter(learned);
        tensors.map(|(name, stored)| (name.as_str(), stored))
    }

    fn place(&self, name: &str) -> Place {
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
