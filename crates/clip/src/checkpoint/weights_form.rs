use std::collections::BTreeMap;

use nn::WeightsFormat;
use serde::Deserialize;

/// The file that most models have.
const WEIGHTS: &str = "model.safetensors";

/// The forms that transformers keeps weights in, the preferred one first.
pub(super) const WEIGHTS_FORMS: [WeightsForm; 4] = [
    WeightsForm::Whole(WEIGHTS),
    WeightsForm::Sharded("model.safetensors.index.json"),
    WeightsForm::Whole("pytorch_model.bin"),
    WeightsForm::Sharded("pytorch_model.bin.index.json"),
];

/// Those of open_clip. Where its own names are there as well, the others can hold the vision tower alone.
pub(super) const OPEN_CLIP_WEIGHTS_FORMS: [WeightsForm; 4] = [
    WeightsForm::Whole("open_clip_model.safetensors"),
    WeightsForm::Whole("open_clip_pytorch_model.bin"),
    WeightsForm::Whole(WEIGHTS),
    WeightsForm::Whole("pytorch_model.bin"),
];

/// Those of the modules of sentence-transformers behind the transformer.
pub(super) const MODULE_WEIGHTS: [&str; 2] = [WEIGHTS, "pytorch_model.bin"];

/// A form that weights are kept in.
#[derive(Clone, Copy)]
pub(super) enum WeightsForm {
    /// One file.
    Whole(&'static str),
    /// Several, and this one that lists them.
    Sharded(&'static str),
}

impl WeightsForm {
    pub(super) const fn first_file(self) -> &'static str {
        match self {
            Self::Whole(name) | Self::Sharded(name) => name,
        }
    }
}

/// The format of the weights file called `name`: by its ending, as transformers and open_clip have it.
pub(super) fn format(name: &str) -> WeightsFormat {
    if name.ends_with(".bin") {
        WeightsFormat::Pickle
    } else {
        WeightsFormat::Safetensors
    }
}

/// The list of a sharded checkpoint's files.
#[derive(Deserialize)]
pub(super) struct ShardIndex {
    /// The file of each tensor.
    pub(super) weight_map: BTreeMap<String, String>,
}
