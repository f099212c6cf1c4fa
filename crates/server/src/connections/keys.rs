use axum::http::HeaderMap;
use sha2::{Digest, Sha256};

/// The header with a client's key.
const HEADER: &str = "api-key";

/// The API keys of a server, as hashes; some of them read-only.
#[derive(Default)]
pub struct Keys(Vec<Key>);

struct Key {
    hash: [u8; 32],
    read_only: bool,
}

/// A key that was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Accepted {
    /// Its number among the keys.
    pub(crate) number: usize,
    /// Whether it is read-only.
    pub(crate) read_only: bool,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} keys", self.0.len())
    }
}

impl<S: AsRef<str>> FromIterator<S> for Keys {
    /// Keys that allow everything.
    fn from_iter<I: IntoIterator<Item = S>>(keys: I) -> Self {
        Self::default().with(keys, false)
    }
}

impl Keys {
    /// These keys, and read-only ones. A key that is among both is read-only.
    #[must_use]
    pub fn with_read_only<S: AsRef<str>>(self, keys: impl IntoIterator<Item = S>) -> Self {
        self.with(keys, true)
    }

    fn with<S: AsRef<str>>(mut self, keys: impl IntoIterator<Item = S>, read_only: bool) -> Self {
        let keys = keys.into_iter();
        self.0.extend(keys.map(|key| Key {
            hash: hash(key.as_ref().as_bytes()),
            read_only,
        }));
        self
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// Accepts a client's key, if it is one of these. Without keys, any is accepted.
    pub(crate) fn accept(&self, key: &[u8]) -> Option<Accepted> {
        let anyone = Accepted {
            number: 0,
            read_only: false,
        };
        match self.is_empty() {
            true => Some(anyone),
            false => self.find(key),
        }
    }

    /// Whether this is a key.
    pub(crate) fn knows(&self, key: &[u8]) -> bool {
        !self.is_empty() && self.find(key).is_some()
    }

    /// Compares all of each key, so that the time it takes tells nothing about them.
    fn find(&self, key: &[u8]) -> Option<Accepted> {
        let asked = hash(key);
        let mut found = None;
        for (number, known) in self.0.iter().enumerate() {
            let pairs = known.hash.iter().zip(&asked);
            let differing = pairs.fold(0, |all, (a, b)| all | (a ^ b));
            if differing == 0 {
                let read_only = known.read_only;
                found = Some(Accepted { number, read_only });
            }
        }
        found
    }
}

fn hash(key: &[u8]) -> [u8; 32] {
    Sha256::digest(key).into()
}

/// The key that a client names, which is empty if it names none.
pub(crate) fn named(headers: &HeaderMap) -> &[u8] {
    headers.get(HEADER).map_or(b"", |key| key.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_compared_whole() {
        let keys: Keys = ["one", "another"].into_iter().collect();
        assert!(keys.knows(b"one") && keys.knows(b"another"));
        assert!(!keys.knows(b"") && !keys.knows(b"on") && !keys.knows(b"one "));
        assert!(
            Keys::default()
                .accept(b"any")
                .is_some_and(|key| !key.read_only)
        );
        assert!(!Keys::default().knows(b"any"));
        assert_eq!(format!("{keys:?}"), "2 keys");
    }

    #[test]
    fn of_two_meanings_of_a_key_the_lesser_counts() {
        let keys = ["one", "both"].into_iter().collect::<Keys>();
        let keys = keys.with_read_only(["both", "other"]);
        let read_only = |key: &str| keys.accept(key.as_bytes()).map(|key| key.read_only);
        assert_eq!(read_only("one"), Some(false));
        assert_eq!(read_only("both"), Some(true));
        assert_eq!(read_only("other"), Some(true));
        assert_eq!(read_only("none"), None);
    }
}
