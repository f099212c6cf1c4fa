//! A model's fingerprint, because embeddings of different models must not be compared.

use std::fmt::Write;

use nn::{Stored, Weights};
use sha2::{Digest, Sha256};

use crate::{Checkpoint, checkpoint::SMALL_FILES};

/// The bytes of each tensor that are hashed.
const SAMPLE_BYTES: usize = 1024;

/// The SHA-256, in hexadecimal, of everything that determines embeddings.
///
/// It hashes, in this order:
///
/// - for every existing small file: its name, its length (8 bytes, little-endian) and its bytes;
/// - the same for the kind and the `config.json` of every sentence-transformers module after the transformer;
/// - for every tensor except those of I64, sorted by name: its name, element type and shape, and 1 KiB from its
///   middle.
///
/// So equal weights have equal fingerprints, whole or in shards, in safetensors or PyTorch's format. Samples suffice:
/// hashing 600 MB would take half a second, and even fine-tuning of one tensor changes its sample. A copy that differs
/// in a few bytes is a damaged file, not another model.
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
