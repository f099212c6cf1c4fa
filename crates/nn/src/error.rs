mod pickle;

pub use self::pickle::PickleError;

/// What can go wrong with weights, token ids and tensors.
///
/// The cause, where there is one, is the [`source`](std::error::Error::source).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The weights file is not a safetensors file.
    #[error("`{file}` is not a valid safetensors file")]
    Weights {
        /// The file.
        file: String,
        /// Why not.
        #[source]
        source: safetensors::SafeTensorError,
    },
    /// The weights file of PyTorch cannot be read.
    #[error("`{file}` is not a readable file of PyTorch weights")]
    Pickle {
        /// The file.
        file: String,
        /// Why not.
        #[source]
        source: PickleError,
    },
    /// In place of the weights is what Git keeps of large files.
    #[error("`{file}` is not the weights but a pointer of Git LFS to them")]
    Pointer {
        /// The file.
        file: String,
    },
    /// A tensor is not in the weights file.
    #[error("tensor `{name}` is missing from `{file}`")]
    MissingTensor {
        /// The weights file.
        file: String,
        /// The tensor.
        name: String,
    },
    /// A tensor has another shape than was asked for.
    #[error("tensor `{name}` in `{file}` has shape {found:?}, expected {expected:?}")]
    TensorShape {
        /// The weights file.
        file: String,
        /// The tensor.
        name: String,
        /// Its shape.
        found: Vec<usize>,
        /// The shape that was asked for.
        expected: Vec<usize>,
    },
    /// A tensor has an element type that cannot be read.
    #[error("tensor `{name}` in `{file}` has type {found}, expected {expected}")]
    TensorType {
        /// The weights file.
        file: String,
        /// The tensor.
        name: String,
        /// Its type, as the file names it.
        found: String,
        /// The types that can be read.
        expected: String,
    },
    /// A token id lies outside the vocabulary.
    #[error("token id {found} is not in the vocabulary of {vocabulary} tokens")]
    TokenId {
        /// The id.
        found: u32,
        /// How many tokens there are.
        vocabulary: usize,
    },
    /// A sequence of token ids is empty or too long.
    #[error("a text of {found} tokens, expected 1 to {limit}")]
    TokenCount {
        /// How many there were.
        found: usize,
        /// The largest number allowed.
        limit: usize,
    },
    /// A weights file can't be written.
    #[error("cannot write `{file}`")]
    Write {
        /// The file.
        file: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The arithmetic failed.
    #[error("the model's computation failed")]
    Compute {
        /// Why.
        #[from]
        source: candle_core::Error,
    },
}

impl Error {
    /// Whether the weights are damaged, or are not those of the tensors that were asked for.
    pub fn is_damage(&self) -> bool {
        matches!(
            self,
            Self::Weights { .. }
                | Self::Pickle { .. }
                | Self::MissingTensor { .. }
                | Self::TensorShape { .. }
        )
    }
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
