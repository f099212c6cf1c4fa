/// Why a PyTorch file cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PickleError {
    /// It has neither of PyTorch's formats.
    #[error("it begins like neither of PyTorch's formats, a zip archive or a pickle")]
    Format,
    /// It is a TorchScript program.
    #[error("it is a TorchScript program, expected a dictionary of tensors")]
    TorchScript,
    /// The zip archive is damaged.
    #[error("the zip archive is damaged or cut off")]
    Archive,
    /// A part of the archive is missing.
    #[error("the zip archive has no entry `{entry}`")]
    MissingEntry {
        /// Its name.
        entry: String,
    },
    /// A part of the archive is compressed; PyTorch never does that.
    #[error("the zip archive's entry `{entry}` is compressed, expected it uncompressed")]
    Compressed {
        /// Its name.
        entry: String,
    },
    /// Its numbers are big-endian.
    #[error("it was written on a big-endian machine")]
    BigEndian,
    /// It ends too early.
    #[error("it is cut off")]
    Cut,
    /// An unknown instruction, or one that weights do not need.
    #[error("the pickle has the unknown instruction {code:#04x} at byte {position}")]
    Instruction {
        /// The instruction.
        code: u8,
        /// Its position, in bytes.
        position: usize,
    },
    /// An instruction lacks its operands.
    #[error("the pickle is damaged: an instruction lacks its operands")]
    Stack,
    /// A text is not UTF-8.
    #[error("the pickle is damaged: a text is not UTF-8")]
    Text,
    /// There are no named tensors.
    #[error("it holds no dictionary of tensors")]
    NoTensors,
    /// A tensor's description is inconsistent.
    #[error("a tensor in it is described in a way that makes no sense")]
    Tensor,
    /// Tensors that share their numbers would take more memory than the file has bytes.
    #[error("many tensors in it are the same numbers in another order")]
    TooManyCopies,
    /// A tensor reaches beyond its storage.
    #[error("tensor `{name}` reaches beyond its storage")]
    Storage {
        /// Its name.
        name: String,
    },
}
