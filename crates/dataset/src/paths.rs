//! File paths.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::ProblemReason;

/// Makes `path` absolute, without `.` and `..`. Doesn't resolve links.
pub fn absolute(path: &Path) -> io::Result<PathBuf> {
    Ok(clean(&std::path::absolute(path)?))
}

/// An absolute path without `.` and `..`.
pub(crate) fn clean(path: &Path) -> PathBuf {
    let mut cleaned = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                cleaned.pop();
            }
            other => cleaned.push(other),
        }
    }
    cleaned
}

/// The path itself, or the path with slashes instead of backslashes, whichever is a file: a table made on
/// Windows names `images\dog.jpg`. Errors quote `written`, the path in the table.
pub(crate) fn existing(path: PathBuf, written: &str) -> Result<PathBuf, ProblemReason> {
    let result = check(&path, written);
    if result.is_ok() {
        return Ok(path);
    }
    match path
        .to_str()
        .filter(|text| cfg!(not(windows)) && text.contains('\\'))
    {
        Some(text) => {
            let path = clean(Path::new(&text.replace('\\', "/")));
            check(&path, written)?;
            Ok(path)
        }
        None => result.map(|()| path),
    }
}

fn check(path: &Path, written: &str) -> Result<(), ProblemReason> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(()),
        Ok(_) => Err(ProblemReason::NotAFile {
            path: written.to_owned(),
        }),
        Err(error) => Err(match error.kind() {
            io::ErrorKind::NotFound
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::InvalidFilename => ProblemReason::NoSuchFile {
                path: written.to_owned(),
            },
            _ => ProblemReason::Unreadable { source: error },
        }),
    }
}

/// The extension of a path in lower case, or an empty text.
pub(crate) fn extension(path: &Path) -> String {
    path.extension()
        .map(OsStr::to_string_lossy)
        .unwrap_or_default()
        .to_lowercase()
}
