//! PyTorch files: a dictionary of tensors as written by `torch.save`.
//!
//! Since version 1.6, a file is an uncompressed zip archive:
//!
//! ```text
//! NAME/data.pkl    a pickle of the dictionary; a tensor is (storage, offset, shape, strides)
//! NAME/data/KEY    the numbers of the storage KEY
//! NAME/byteorder   "little" or "big"; not in older files
//! ```
//!
//! Before, a file was a sequence of pickles: a magic number, a version, the machine, the dictionary, and the storages'
//! keys in order. For each storage, the count of its numbers, in 8 bytes, and the numbers followed.
//!
//! See [`torch/serialization.py`](https://github.com/pytorch/pytorch/blob/main/torch/serialization.py). Nothing in the
//! pickle is executed: see [`machine::Machine`].

mod archive;
mod dictionary;
mod machine;
mod sequence;

use std::sync::Arc;

use self::dictionary::Origin;
use super::Stored;
use crate::{Contents, Error, PickleError, Result};

/// Reads the tensors of a PyTorch file, with their names.
pub(super) fn read<'a>(
    contents: &'a Arc<Contents>,
    file: &Arc<str>,
) -> Result<Vec<(String, Stored<'a>)>> {
    let source = Origin { contents, file };
    let tensors = if contents.starts_with(b"PK\x03\x04") {
        archive::read(source)
    } else if sequence::is_one(contents) {
        sequence::read(source)
    } else {
        Err(PickleError::Format)
    };
    tensors.map_err(|source| Error::Pickle {
        file: file.to_string(),
        source,
    })
}
