use std::fmt;
use std::str::FromStr;

use crate::file_name;
use crate::{Error, Result};

/// A version of a repository: a branch, a tag, a commit, or a reference such as `refs/pr/15`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Revision(String);

/// The length of a commit's hash, in hexadecimal digits.
const COMMIT_LENGTH: usize = 40;

impl Revision {
    /// The branch `main`.
    #[must_use]
    pub fn main() -> Self {
        Self("main".to_owned())
    }

    /// The revision with this name.
    ///
    /// # Errors
    /// [`Error::Revision`] if the name is invalid.
    pub fn new(name: &str) -> Result<Self> {
        if file_name::is_relative(name) && name.chars().all(|c| !c.is_whitespace()) {
            Ok(Self(name.to_owned()))
        } else {
            Err(Error::Revision {
                name: name.to_owned(),
            })
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }

    /// Whether it's a full commit hash, which always means the same files.
    #[must_use]
    pub fn is_commit(&self) -> bool {
        is_commit(&self.0)
    }
}

/// Whether `text` is a full commit hash.
pub(crate) fn is_commit(text: &str) -> bool {
    let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.len() == COMMIT_LENGTH && text.bytes().all(digit)
}

impl Default for Revision {
    fn default() -> Self {
        Self::main()
    }
}

impl FromStr for Revision {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::new(name)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_out_of_the_cache_are_refused() {
        for name in ["main", "v1.0", "refs/pr/15", "3d74acf"] {
            assert_eq!(Revision::new(name).unwrap().name(), name);
        }
        for name in [
            "",
            "..",
            "refs/../../x",
            "/main",
            "a\\b",
            "a b",
            "a\0",
            "C:x",
        ] {
            assert!(Revision::new(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_short_hash_is_no_commit() {
        assert!(is_commit("3d74acf9a28c67741b2f4f2ea7635f0aaf6f0268"));
        assert!(!is_commit("3d74acf"));
        assert!(!is_commit("3D74ACF9A28C67741B2F4F2EA7635F0AAF6F0268"));
    }
}
