use std::collections::BTreeSet;
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName};
use sha2::{Digest, Sha256};

use super::grant::Grant;

/// The header with a client's key.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("api-key");

/// The API keys of a server, as hashes, with their permissions.
#[derive(Default)]
pub struct Keys(Vec<Key>);

struct Key {
    hash: [u8; 32],
    grant: Arc<Grant>,
}

/// An accepted key.
#[derive(Clone, Debug)]
pub(crate) struct Accepted {
    /// Its number among the keys.
    pub(crate) number: usize,
    /// Its permissions.
    pub(crate) grant: Arc<Grant>,
}

/// An error in a list of keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyListError {
    /// A line is not a key with permissions.
    #[error("line {line}: {reason}")]
    Line {
        /// Its number, from 1 on.
        line: usize,
        /// The error, without the key.
        reason: String,
    },
    /// The list has no keys, which would open the server to all.
    #[error("the list has no keys")]
    Empty,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} keys", self.0.len())
    }
}

impl<S: AsRef<str>> FromIterator<S> for Keys {
    /// Keys with all permissions.
    fn from_iter<I: IntoIterator<Item = S>>(keys: I) -> Self {
        Self::default().with(keys, &Grant::default())
    }
}

impl Keys {
    /// Adds read-only keys. A key that is in both sets is read-only.
    #[must_use]
    pub fn with_read_only<S: AsRef<str>>(self, keys: impl IntoIterator<Item = S>) -> Self {
        self.with(keys, &Grant::read_only())
    }

    /// Adds the keys of a list. A key that is in both sets has the limits of both.
    ///
    /// Each line has a key and its permissions, separated by spaces. Quotes work as in a shell; `#` begins a comment.
    ///
    /// | permission | effect |
    /// |---|---|
    /// | `read` | forbids changes |
    /// | `collections=NAME,…` | hides all other collections and indexes |
    /// | `columns=NAME,…` | hides all other metadata columns; requires `read` |
    ///
    /// ```
    /// let keys = server::Keys::default().with_list(
    ///     "# the shop's page and its editors\n\
    ///      w4X9 read collections=shop columns=image,brand,'price in euros'\n\
    ///      Zp0q collections=shop,drafts\n",
    /// )?;
    /// assert!(!keys.is_empty());
    /// # Ok::<(), server::KeyListError>(())
    /// ```
    ///
    /// # Errors
    /// [`KeyListError`]
    pub fn with_list(mut self, list: &str) -> Result<Self, KeyListError> {
        let mut known = BTreeSet::new();
        for (n, text) in list.lines().enumerate() {
            let line = n + 1;
            let at = |reason| KeyListError::Line { line, reason };
            let words = shlex::split(text);
            let words = words.ok_or_else(|| at("unclosed quote".to_owned()))?;
            let Some((key, bounds)) = words.split_first() else {
                continue;
            };
            let grant = grant_of(key, bounds).map_err(at)?;
            if !known.insert(key.clone()) {
                return Err(at("duplicate key".to_owned()));
            }
            self = self.with([key], &grant);
        }
        if known.is_empty() {
            return Err(KeyListError::Empty);
        }
        Ok(self)
    }

    fn with<S: AsRef<str>>(mut self, keys: impl IntoIterator<Item = S>, grant: &Grant) -> Self {
        for key in keys {
            let hash = hash(key.as_ref().as_bytes());
            match self.0.iter_mut().find(|known| known.hash == hash) {
                Some(known) => known.grant = Arc::new((*known.grant).clone().and(grant.clone())),
                None => self.0.push(Key {
                    hash,
                    grant: Arc::new(grant.clone()),
                }),
            }
        }
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

    /// Accepts a valid key. Without keys, any key is accepted.
    pub(crate) fn accept(&self, key: &[u8]) -> Option<Accepted> {
        let anyone = || Accepted {
            number: 0,
            grant: Arc::default(),
        };
        if self.is_empty() {
            return Some(anyone());
        }
        self.find(key)
    }

    /// Whether this is a key.
    pub(crate) fn knows(&self, key: &[u8]) -> bool {
        !self.is_empty() && self.find(key).is_some()
    }

    /// Compares in constant time, which reveals nothing about the keys.
    fn find(&self, key: &[u8]) -> Option<Accepted> {
        let asked = hash(key);
        let mut found = None;
        for (number, known) in self.0.iter().enumerate() {
            let pairs = known.hash.iter().zip(&asked);
            let differing = pairs.fold(0, |all, (a, b)| all | (a ^ b));
            if differing == 0 {
                found = Some((number, known));
            }
        }
        found.map(|(number, known)| Accepted {
            number,
            grant: Arc::clone(&known.grant),
        })
    }
}

/// Parses the permissions of a key.
fn grant_of(key: &str, bounds: &[String]) -> Result<Grant, String> {
    // The characters that a header can carry.
    if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("expected a key of visible ASCII characters".to_owned());
    }
    let (mut is_read_only, mut names, mut columns) = (false, None, None);
    for bound in bounds {
        match bound.split_once('=') {
            None if bound == "read" => is_read_only = true,
            Some(("collections", list)) => add(&mut names, list)?,
            Some(("columns", list)) => add(&mut columns, list)?,
            _ => {
                return Err(format!(
                    "unknown permission `{bound}`: expected `read`, `collections=…` or `columns=…`"
                ));
            }
        }
    }
    if columns.is_some() && !is_read_only {
        return Err("`columns` requires `read`".to_owned());
    }
    let grant = if is_read_only {
        Grant::read_only()
    } else {
        Grant::default()
    };
    Ok(grant.within(names, columns))
}

/// Adds the names of a comma-separated list. An empty name is refused as a mistake.
fn add(names: &mut Option<BTreeSet<String>>, list: &str) -> Result<(), String> {
    let named = list.split(',').map(|name| name.trim().to_owned());
    let named: BTreeSet<String> = named.collect();
    if named.contains("") {
        return Err(format!("`{list}`: expected names separated by commas"));
    }
    names.get_or_insert_default().extend(named);
    Ok(())
}

fn hash(key: &[u8]) -> [u8; 32] {
    Sha256::digest(key).into()
}

/// The key of a request; empty if there is none.
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
                .is_some_and(|key| *key.grant == Grant::default())
        );
        assert!(!Keys::default().knows(b"any"));
        assert_eq!(format!("{keys:?}"), "2 keys");
    }

    #[test]
    fn of_two_meanings_of_a_key_the_lesser_counts() {
        let keys = ["one", "both"].into_iter().collect::<Keys>();
        let keys = keys.with_read_only(["both", "other"]);
        let keys = keys.with_list("one collections=birds").unwrap();
        let grant = |key: &str| Some((*keys.accept(key.as_bytes())?.grant).clone());
        let read_only = |key: &str| grant(key).map(|grant| grant.is_read_only);
        assert_eq!(read_only("one"), Some(false));
        assert_eq!(read_only("both"), Some(true));
        assert_eq!(read_only("other"), Some(true));
        assert_eq!(read_only("none"), None);
        let one = grant("one").unwrap();
        assert!(one.sees("birds") && !one.sees("fish"));
        assert_eq!(keys.count(), 3);
    }

    #[test]
    fn a_list_has_a_key_and_its_bounds_on_each_line() {
        let list = "
            # the shop
            shop  read collections=a,b collections=c columns=brand,'price in euros' # its page
            team  collections=a
            all
        ";
        let keys = Keys::default().with_list(list).unwrap();
        let grant = |key: &str| keys.accept(key.as_bytes()).unwrap().grant;
        let shop = grant("shop");
        assert!(shop.is_read_only && shop.sees("b") && shop.sees("c") && !shop.sees("d"));
        let shown = ["brand", "price in euros", "price"].map(|name| shop.columns().shows(name));
        assert_eq!(shown, [true, true, false]);
        assert!(!grant("team").is_read_only && !grant("team").sees("b"));
        assert_eq!(*grant("all"), Grant::default());
    }

    #[test]
    fn mistakes_in_a_list_are_said_without_the_key() {
        for (list, expected) in [
            ("", "the list has no keys"),
            ("# a\n\n", "the list has no keys"),
            ("secret\nsecret read", "line 2: duplicate key"),
            (
                "secret write",
                "line 1: unknown permission `write`: expected `read`, `collections=…` or `columns=…`",
            ),
            ("secret columns=a", "line 1: `columns` requires `read`"),
            (
                "secret read collections=",
                "line 1: ``: expected names separated by commas",
            ),
            (
                "secret collections=a,,b",
                "line 1: `a,,b`: expected names separated by commas",
            ),
            ("secret 'read", "line 1: unclosed quote"),
            (
                "'se cret' read",
                "line 1: expected a key of visible ASCII characters",
            ),
        ] {
            let error = Keys::default().with_list(list).unwrap_err();
            assert_eq!(error.to_string(), expected, "{list}");
        }
    }
}
