use crate::{Checkpoint, Error};

/// Wraps an error of the crate `tokenizers` about the file `name`.
pub(crate) fn unusable(
    checkpoint: &Checkpoint,
    name: &str,
) -> impl FnOnce(tokenizers::Error) -> Error {
    let file = checkpoint.path_of(name);
    move |source| Error::Tokenizer { file, source }
}
