use sha2::{Digest, Sha256};

/// Identifies a URL in the journal: the first half of its SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key(pub(super) [u8; 16]);

impl Key {
    pub(super) fn of(url: &str) -> Self {
        let mut key = [0; 16];
        key.copy_from_slice(&Sha256::digest(url.as_bytes())[..16]);
        Self(key)
    }
}
