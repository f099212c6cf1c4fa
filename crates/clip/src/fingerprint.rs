//! What tells one model from another: vectors of different models must not be compared.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::{
    Checkpoint,
    checkpoint::{SMALL_FILES, WEIGHTS},
};

const SAMPLES: usize = 64;
const SAMPLE_BYTES: usize = 4096;

/// SHA-256, in hexadecimal, over the files that decide what vectors come out.
///
/// In this order: for every small file that is there, its name, its length (8 bytes, little-endian) and its bytes;
/// for the weights, their name, their length, their first 64 KiB (where the names and shapes are) and 64 blocks of
/// 4 KiB spread evenly over the file. Reading 600 MB would take half a second; models that were trained apart or
/// further differ in every block, and a copy that differs in a few bytes only is a damaged file, not another model.
pub(crate) fn fingerprint(checkpoint: &Checkpoint) -> String {
    let mut hash = Sha256::new();
    for name in SMALL_FILES {
        if let Some(bytes) = checkpoint.file(name) {
            announce(&mut hash, name, bytes);
            hash.update(bytes);
        }
    }
    if let Some(bytes) = checkpoint.file(WEIGHTS) {
        announce(&mut hash, WEIGHTS, bytes);
        hash.update(&bytes[..bytes.len().min(64 << 10)]);
        let last = bytes.len().saturating_sub(SAMPLE_BYTES);
        for sample in 0..SAMPLES {
            let start = (last as u128 * sample as u128 / (SAMPLES as u128 - 1)) as usize;
            hash.update(&bytes[start..bytes.len().min(start + SAMPLE_BYTES)]);
        }
    }
    hexadecimal(&hash.finalize())
}

fn announce(hash: &mut Sha256, name: &str, bytes: &[u8]) {
    hash.update(name);
    hash.update((bytes.len() as u64).to_le_bytes());
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
