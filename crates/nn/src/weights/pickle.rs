//! PyTorch's own files: what `torch.save` writes of a dictionary of tensors.
//!
//! Since version 1.6 that is a zip archive, nothing in it compressed:
//!
//! ```text
//! NAME/data.pkl    a pickle of the dictionary; a tensor is (storage, offset, shape, strides)
//! NAME/data/KEY    the numbers of the storage KEY
//! NAME/byteorder   "little" or "big"; not in older files
//! ```
//!
//! Before, it was pickles one after another (a magic number, a version, the machine, the dictionary, the storages'
//! keys in order) and then for each storage the count of its numbers, in 8 bytes, and the numbers.
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

/// The tensors in a file of PyTorch, with their names.
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
