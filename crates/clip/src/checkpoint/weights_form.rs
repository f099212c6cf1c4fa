use std::collections::BTreeMap;

use nn::WeightsFormat;
use serde::Deserialize;

/// The weights file of most models.
const WEIGHTS: &str = "model.safetensors";

/// The weights files of transformers, in order of preference.
pub(super) const WEIGHTS_FORMS: [WeightsForm; 4] = [
    WeightsForm::Whole(WEIGHTS),
    WeightsForm::Sharded("model.safetensors.index.json"),
    WeightsForm::Whole("pytorch_model.bin"),
    WeightsForm::Sharded("pytorch_model.bin.index.json"),
];

/// The weights files of open_clip. If its own names exist, the others may contain only the vision tower.
pub(super) const OPEN_CLIP_WEIGHTS_FORMS: [WeightsForm; 4] = [
    WeightsForm::Whole("open_clip_model.safetensors"),
    WeightsForm::Whole("open_clip_pytorch_model.bin"),
    WeightsForm::Whole(WEIGHTS),
    WeightsForm::Whole("pytorch_model.bin"),
];

/// The weights files of sentence-transformers modules after the transformer.
pub(super) const MODULE_WEIGHTS: [&str; 2] = [WEIGHTS, "pytorch_model.bin"];

/// A layout of weights files.
#[derive(Clone, Copy)]
pub(super) enum WeightsForm {
    /// One file.
    Whole(&'static str),
    /// Several files, listed in this index.
    Sharded(&'static str),
}

impl WeightsForm {
    pub(super) const fn first_file(self) -> &'static str {
        match self {
            Self::Whole(name) | Self::Sharded(name) => name,
        }
    }
}

/// The format of the weights file `name` by its extension, as in transformers and open_clip.
pub(super) fn format(name: &str) -> WeightsFormat {
    if name.ends_with(".bin") {
        WeightsFormat::Pickle
    } else {
        WeightsFormat::Safetensors
    }
}

/// The index of a sharded checkpoint.
#[derive(Deserialize)]
pub(super) struct ShardIndex {
    /// The file of each tensor.
    pub(super) weight_map: BTreeMap<String, String>,
}
