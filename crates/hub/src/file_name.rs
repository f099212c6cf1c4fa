//! Checks the names of a repository's files, which come from a server and become local paths.

use crate::{Error, Result};

/// The maximum length of a name. No file system allows longer ones.
const LONGEST: usize = 1024;

/// Checks that a name leads to a file below its folder on every system.
///
/// # Errors
/// [`Error::FileName`] for `..`, absolute names, backslashes, drives and control characters.
pub(crate) fn checked(name: &str) -> Result<&str> {
    if is_relative(name) {
        Ok(name)
    } else {
        Err(Error::FileName {
            name: name.escape_debug().take(LONGEST).collect(),
        })
    }
}

/// Whether `name` consists of plain parts separated by `/`.
pub(crate) fn is_relative(name: &str) -> bool {
    name.len() <= LONGEST && name.split('/').all(is_plain)
}

fn is_plain(part: &str) -> bool {
    // On Windows, `C:x` is a path on another drive.
    let is_drive = part.as_bytes().get(1) == Some(&b':');
    !matches!(part, "" | "." | "..")
        && !is_drive
        && !part.chars().any(|c| c == '\\' || c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_below_the_folder_pass() {
        for name in [
            "config.json",
            "1_Pooling/config.json",
            "ünïcode/a b.txt",
            ".gitattributes",
        ] {
            assert_eq!(checked(name).unwrap(), name);
        }
        for name in [
            "",
            "/etc/passwd",
            "..",
            "a/../b",
            "../b",
            "a//b",
            "a/",
            "./a",
            "a\\..\\b",
            "C:\\x",
            "a/C:x",
            "a\0b",
            "a\nb",
        ] {
            assert!(checked(name).is_err(), "{name:?}");
        }
        assert!(checked(&"a".repeat(2000)).is_err());
    }
}
