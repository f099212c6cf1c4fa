use std::fmt::Write;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha1::Sha1;
use sha2::{Digest as _, Sha256};

/// The expected hash of a file, from the Hub's etag: the SHA-256 of a large file, otherwise the SHA-1 of the
/// file as a Git blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Digest(String);

impl Digest {
    /// The hash in an etag without its quotes; `None` if it isn't a hash.
    pub(crate) fn of_etag(etag: &str) -> Option<Self> {
        let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let is_hash = matches!(etag.len(), 40 | 64) && etag.bytes().all(digit);
        is_hash.then(|| Self(etag.to_owned()))
    }

    /// Its hexadecimal digits, the name of the blob in the cache.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Computes the hash of this kind for the file at `path`.
    pub(crate) fn of_file(&self, path: &Path) -> io::Result<Digest> {
        let mut file = File::open(path)?;
        let mut hasher = self.hasher(file.metadata()?.len());
        let mut buffer = vec![0; 1 << 20];
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(hasher.finish()),
                count => hasher.update(&buffer[..count]),
            }
        }
    }

    /// A hasher for a file of `size` bytes.
    pub(crate) fn hasher(&self, size: u64) -> Hasher {
        if self.0.len() == 64 {
            return Hasher::Sha256(Sha256::new());
        }
        let mut sha1 = Sha1::new();
        sha1.update(format!("blob {size}\0"));
        Hasher::GitBlob(sha1)
    }
}

pub(crate) enum Hasher {
    Sha256(Sha256),
    GitBlob(Sha1),
}

impl Hasher {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(sha256) => sha256.update(bytes),
            Self::GitBlob(sha1) => sha1.update(bytes),
        }
    }

    pub(crate) fn finish(self) -> Digest {
        match self {
            Self::Sha256(sha256) => Digest(hexadecimal(&sha256.finalize())),
            Self::GitBlob(sha1) => Digest(hexadecimal(&sha1.finalize())),
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(bytes: &[u8], expected: &str) {
        let digest = Digest::of_etag(expected).unwrap();
        let mut hasher = digest.hasher(bytes.len() as u64);
        hasher.update(bytes);
        assert_eq!(hasher.finish(), digest);
    }

    #[test]
    fn hashes_are_those_of_git_and_of_sha256sum() {
        case(b"", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
        case(b"hello\n", "ce013625030ba8dba906f756967f9e9ca394464a");
        case(
            b"",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        );
    }

    #[test]
    fn an_etag_that_is_no_hash_is_none() {
        for etag in [
            "",
            "abc",
            "../../../../../../../etc/passwd/xxxxxxxxx",
            "E69DE29BB2D1D6434B8B29AE775AD8C2E48C5391",
        ] {
            assert_eq!(Digest::of_etag(etag), None, "{etag}");
        }
    }
}
