use std::{borrow::Cow, sync::Arc};

use safetensors::SafeTensors;

use super::Stored;
use crate::{Contents, Error, Result};

/// Reads the tensors of a safetensors file, with their names.
pub(super) fn read<'a>(
    contents: &'a Arc<Contents>,
    file: &Arc<str>,
) -> Result<Vec<(String, Stored<'a>)>> {
    let tensors = SafeTensors::deserialize(contents).map_err(|source| Error::Weights {
        file: file.to_string(),
        source,
    })?;
    let tensors = tensors.tensors().into_iter().map(|(name, view)| {
        let stored = Stored {
            file: Arc::clone(file),
            owner: Arc::clone(contents),
            element: view.dtype(),
            shape: view.shape().to_vec(),
            data: Cow::Borrowed(view.data()),
        };
        (name, stored)
    });
    Ok(tensors.collect())
}
