//! Any text, through a tokenizer of each kind.

#![no_main]

use std::path::Path;
use std::sync::LazyLock;

use clip::{Checkpoint, Model};
use libfuzzer_sys::fuzz_target;

const KINDS: [&str; 5] = [
    "quick-gelu",
    "old-config",
    "siglip",
    "siglip2",
    "multilingual/bert",
];

static MODELS: LazyLock<Vec<Model>> = LazyLock::new(|| {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/clip/tests/fixtures");
    let load = |kind| Model::load(Checkpoint::open(&fixtures.join(kind)).unwrap()).unwrap();
    KINDS.into_iter().map(load).collect()
});

fuzz_target!(|text: &str| {
    for model in MODELS.iter() {
        let tokens = model.tokenize(text).unwrap();
        assert!(!tokens.is_empty() && tokens.len() <= 512);
        assert_eq!(tokens, model.tokenize(text).unwrap());
    }
});
