use crate::{Checkpoint, Error};

/// The error for the tokenizer's file called `name`, for what the crate `tokenizers` says of it.
pub(crate) fn unusable(
    checkpoint: &Checkpoint,
    name: &str,
) -> impl FnOnce(tokenizers::Error) -> Error {
    let file = checkpoint.place(name);
    move |source| Error::Tokenizer { file, source }
}
