mod pickle;

pub use self::pickle::PickleError;

/// An error about weights, token ids or tensors.
///
/// Its cause, if any, is the [`source`](std::error::Error::source).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The weights file is not a valid safetensors file.
    #[error("`{file}` is not a valid safetensors file")]
    Weights {
        /// The file.
        file: String,
        /// The cause.
        #[source]
        source: safetensors::SafeTensorError,
    },
    /// The PyTorch weights file cannot be read.
    #[error("`{file}` is not a readable PyTorch weights file")]
    Pickle {
        /// The file.
        file: String,
        /// The cause.
        #[source]
        source: PickleError,
    },
    /// The file is a Git LFS pointer instead of the weights.
    #[error("`{file}` is a Git LFS pointer, not the weights")]
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
    /// A tensor does not have the requested shape.
    #[error("tensor `{name}` in `{file}` has shape {found:?}, expected {expected:?}")]
    TensorShape {
        /// The weights file.
        file: String,
        /// The tensor.
        name: String,
        /// Its shape.
        found: Vec<usize>,
        /// The requested shape.
        expected: Vec<usize>,
    },
    /// A tensor has an unreadable element type.
    #[error("tensor `{name}` in `{file}` has type {found}, expected {expected}")]
    TensorType {
        /// The weights file.
        file: String,
        /// The tensor.
        name: String,
        /// Its type, as named in the file.
        found: String,
        /// The readable types.
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
        /// The number of tokens found.
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
        /// The cause.
        #[from]
        source: candle_core::Error,
    },
}

impl Error {
    /// Whether the weights are damaged or belong to another model.
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
