//! The files of the bundled model.

use clip::{Checkpoint, Result};

/// The name of the bundled model.
pub const MINI: &str = "mini";

const FILES: &[(&str, &[u8])] = &[
    (
        "config.json",
        include_bytes!("../../../models/mini/config.json"),
    ),
    (
        "model.safetensors",
        include_bytes!("../../../models/mini/model.safetensors"),
    ),
    (
        "preprocessor_config.json",
        include_bytes!("../../../models/mini/preprocessor_config.json"),
    ),
    (
        "tokenizer.json",
        include_bytes!("../../../models/mini/tokenizer.json"),
    ),
];

pub(crate) fn checkpoint() -> Result<Checkpoint> {
    Checkpoint::bundled(FILES)
}

/// The size of its files in bytes.
pub(crate) fn size() -> u64 {
    FILES.iter().map(|(_, bytes)| bytes.len() as u64).sum()
}
