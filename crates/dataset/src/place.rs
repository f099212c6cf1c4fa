use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::{Address, ProblemReason};

/// `path` made absolute from the current directory and without `.` and `..`; links are not resolved.
pub fn absolute(path: &Path) -> io::Result<PathBuf> {
    Ok(clean(&std::path::absolute(path)?))
}

/// An absolute path without `.` and `..`.
fn clean(path: &Path) -> PathBuf {
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

/// Where the path or URL in a row leads, from the table's folder. Nothing is looked for.
pub(crate) fn resolve(folder: &Path, written: &str) -> Result<Address, ProblemReason> {
    if written.is_empty() {
        return Err(ProblemReason::NoPath);
    }
    // No file system takes a NUL, and the system's own words for that say little.
    if written.contains('\0') {
        return Err(ProblemReason::NoSuchFile {
            path: written.to_owned(),
        });
    }
    match scheme(written) {
        None => Ok(Address::File(clean(&folder.join(written)))),
        Some("file") => {
            let path = file_url(written).ok_or_else(|| ProblemReason::NoSuchFile {
                path: written.to_owned(),
            })?;
            Ok(Address::File(clean(&folder.join(path))))
        }
        Some(_) => match Address::of(written) {
            Ok(Some(address)) => Ok(address),
            Ok(None) | Err(_) => Err(ProblemReason::Url {
                url: written.to_owned(),
            }),
        },
    }
}

/// The place as it is, or with its backslashes taken for slashes, whichever is a file: a table
/// made on Windows names `images\dog.jpg`.
pub(crate) fn existing(place: PathBuf, written: &str) -> Result<PathBuf, ProblemReason> {
    let result = check(&place, written);
    if result.is_ok() {
        return Ok(place);
    }
    match place
        .to_str()
        .filter(|text| cfg!(not(windows)) && text.contains('\\'))
    {
        Some(text) => {
            let place = clean(Path::new(&text.replace('\\', "/")));
            check(&place, written)?;
            Ok(place)
        }
        None => result.map(|()| place),
    }
}

fn check(place: &Path, written: &str) -> Result<(), ProblemReason> {
    let path = || written.to_owned();
    match fs::metadata(place) {
        Ok(metadata) if metadata.is_file() => Ok(()),
        Ok(_) => Err(ProblemReason::NotAFile { path: path() }),
        Err(error) => Err(match error.kind() {
            io::ErrorKind::NotFound
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::InvalidFilename => ProblemReason::NoSuchFile { path: path() },
            _ => ProblemReason::Unreadable { source: error },
        }),
    }
}

/// `https` of `https://host/path`, `data` of `data:…`. A drive letter is no scheme.
fn scheme(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once(':')?;
    let valid = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    (valid && (rest.starts_with("//") || scheme.eq_ignore_ascii_case("data"))).then_some(scheme)
}

/// The path in `file:///path` or `file://localhost/path`, its percent signs decoded.
fn file_url(url: &str) -> Option<String> {
    let rest = url.strip_prefix("file://")?;
    let path = rest.strip_prefix("localhost").unwrap_or(rest);
    if !path.starts_with('/') {
        return None;
    }
    let path = String::from_utf8(percent_decoded(path.as_bytes())).ok()?;
    // `file:///C:/pictures` has a slash that a Windows path has not.
    Some(if cfg!(windows) {
        path.trim_start_matches('/').to_owned()
    } else {
        path
    })
}

fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, after)) = rest.split_first() {
        let escaped = match (first, after) {
            (b'%', [high, low, ..]) => hexadecimal(*high).zip(hexadecimal(*low)),
            _ => None,
        };
        match escaped {
            Some((high, low)) => {
                decoded.push(high * 16 + low);
                rest = &after[2..];
            }
            None => {
                decoded.push(first);
                rest = after;
            }
        }
    }
    decoded
}

fn hexadecimal(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

/// The extension of a path in lower case; empty where there is none.
pub(crate) fn extension(path: &Path) -> String {
    path.extension()
        .map(OsStr::to_string_lossy)
        .unwrap_or_default()
        .to_lowercase()
}
