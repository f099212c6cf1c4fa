use std::{fmt, io, str::FromStr};

use sha2::{Digest, Sha256};

use crate::Error;

/// The SHA-256 of a file's bytes, which identifies its content.
///
/// Displayed and parsed as 64 hexadecimal digits.
///
/// ```
/// use picture::ContentHash;
///
/// let hash = ContentHash::of(b"abc");
/// assert!(hash.to_string().starts_with("ba7816bf8f01cfea"));
/// assert_eq!(hash.to_string().parse::<ContentHash>()?, hash);
/// # Ok::<(), picture::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentHash([u8; 32]);

impl ContentHash {
    /// Hashes `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Hashes everything that `reader` returns.
    ///
    /// # Errors
    /// When reading fails.
    pub fn of_reader(mut reader: impl io::Read) -> io::Result<Self> {
        let (mut digest, mut part) = (Sha256::new(), [0; 16 << 10]);
        loop {
            match reader.read(&mut part) {
                Ok(0) => return Ok(Self(digest.finalize().into())),
                Ok(length) => digest.update(&part[..length]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Restores a hash from its bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes of the hash.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ContentHash({self})")
    }
}

impl FromStr for ContentHash {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        parse(text).map(Self).ok_or_else(|| Error::NotAHash {
            text: text.to_owned(),
        })
    }
}

fn parse(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 2 * bytes.len() {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let high = char::from(digits[0]).to_digit(16)?;
        let low = char::from(digits[1]).to_digit(16)?;
        *byte = (high << 4 | low) as u8;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_as_sha_256_does() {
        // The two short test vectors of FIPS 180-2, appendix B.
        assert_eq!(
            ContentHash::of(b"abc").to_string(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(
            ContentHash::of(b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")
                .to_string(),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        );
    }

    #[test]
    fn parses_what_it_writes_and_nothing_else() {
        let hash = ContentHash::of(b"");
        assert_eq!(hash.to_string().parse::<ContentHash>().unwrap(), hash);
        assert_eq!(
            hash.to_string()
                .to_uppercase()
                .parse::<ContentHash>()
                .unwrap(),
            hash
        );
        let digits = hash.to_string();
        for text in [
            "",
            "e3b0",
            &digits[1..],
            &format!("{digits}0"),
            &"+".repeat(64),
            &"é".repeat(32),
        ] {
            assert!(text.parse::<ContentHash>().is_err(), "{text}");
        }
    }
}
