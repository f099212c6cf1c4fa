//! What tells one model from another: vectors of different models must not be compared.

use std::fmt::Write;

use nn::{Stored, Weights};
use sha2::{Digest, Sha256};

use crate::{Checkpoint, checkpoint::SMALL_FILES};

/// How much of each tensor is looked into.
const SAMPLE_BYTES: usize = 1024;

/// SHA-256, in hexadecimal, over what decides which vectors come out.
///
/// In this order: for every small file that is there, its name, its length (8 bytes, little-endian) and its bytes, and
/// the same for the kind and the `config.json` of every module of sentence-transformers behind the transformer;
/// for every tensor of the weights but those of I64, in the order of their names, its name, element type and shape, and
/// 1 KiB from its middle. So the same weights have the same fingerprint whether they are whole or in shards, in
/// safetensors or in PyTorch's form. Reading 600 MB would take half a second; models of which but one tensor was trained
/// further differ in it, and a copy that differs in a few bytes only is a damaged file, not another model.
pub(crate) fn fingerprint(checkpoint: &Checkpoint, weights: &Weights<'_>) -> String {
    let mut hash = Sha256::new();
    for name in SMALL_FILES {
        if let Some(bytes) = checkpoint.file(name) {
            hash.update(name);
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        }
    }
    for (kind, bytes) in checkpoint.step_contents() {
        hash.update(kind);
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    }
    for (name, stored) in weights.tensors() {
        hash.update(format!(
            "{name} {} {:?}\n",
            stored.element(),
            stored.shape()
        ));
        hash.update(middle(stored));
    }
    hexadecimal(&hash.finalize())
}

fn middle<'s>(stored: &'s Stored<'_>) -> &'s [u8] {
    let data = stored.data();
    let start = data.len().saturating_sub(SAMPLE_BYTES) / 2;
    &data[start..data.len().min(start + SAMPLE_BYTES)]
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
