//! Bytes as a checkpoint's weights, in PyTorch's form or as safetensors; the first says which.

#![no_main]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use clip::{Checkpoint, Model};
use libfuzzer_sys::fuzz_target;

static CHECKPOINT: LazyLock<PathBuf> = LazyLock::new(|| {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/clip/tests/fixtures/quick-gelu")
});

const NAMES: [&str; 2] = ["pytorch_model.bin", "model.safetensors"];

fuzz_target!(|bytes: &[u8]| {
    let Some((&kind, bytes)) = bytes.split_first() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(&*CHECKPOINT).unwrap() {
        let entry = entry.unwrap();
        if entry.path().extension().is_none_or(|end| end != "safetensors") {
            // Not `fs::copy`, which the fuzzer's timer interrupts.
            let bytes = fs::read(entry.path()).unwrap();
            fs::write(folder.path().join(entry.file_name()), bytes).unwrap();
        }
    }
    fs::write(folder.path().join(NAMES[usize::from(kind) % 2]), bytes).unwrap();
    let model = Checkpoint::open(folder.path()).and_then(Model::load);
    if let Ok(model) = model {
        let _ = model.embed_text("a dog");
    }
});
