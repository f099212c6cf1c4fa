use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    fs::{self, File},
    path::Path,
};

use candle_core::Tensor;
use safetensors::{Dtype, View};

use crate::{Error, Result};

/// Writes tensors to a safetensors file, in f32. The file appears under its name once it is whole and on the disk.
///
/// Metadata say `format: pt`, which transformers asks for.
///
/// # Errors
/// [`Error::Write`] when the file can't be written, or [`Error::Compute`](Error) when a tensor can't be read.
pub fn write_tensors(path: &Path, tensors: &BTreeMap<String, Tensor>) -> Result<()> {
    let views = tensors.iter().map(|(name, tensor)| {
        let numbers = tensor.flatten_all()?.to_vec1::<f32>()?;
        let bytes = numbers.iter().flat_map(|number| number.to_le_bytes());
        Ok((
            name,
            Numbers {
                shape: tensor.dims(),
                bytes: bytes.collect(),
            },
        ))
    });
    let views = views.collect::<Result<Vec<_>>>()?;
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let failed = |source: std::io::Error| Error::Write {
        file: path.display().to_string(),
        source,
    };
    let unfinished = path.with_extension("unfinished");
    let finished = (|| {
        // safetensors lets nobody but the owner read what it writes.
        let permissions = File::create(&unfinished)?.metadata()?.permissions();
        safetensors::serialize_to_file(views, Some(metadata), &unfinished)
            .map_err(std::io::Error::other)?;
        fs::set_permissions(&unfinished, permissions)?;
        File::open(&unfinished)?.sync_all()?;
        fs::rename(&unfinished, path)
    })()
    .map_err(failed);
    if finished.is_err() {
        // Nobody needs a part of a file; where even this fails, the disk has worse problems.
        let _ = fs::remove_file(&unfinished);
    }
    finished
}

struct Numbers<'a> {
    shape: &'a [usize],
    bytes: Vec<u8>,
}

impl View for Numbers<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}
