//! Where files really are: links resolved, and names spelled as the disk spells them.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use icu_normalizer::ComposingNormalizerBorrowed;

/// The path of a source without links, so that a folder is one library by whichever path it is named. The last name
/// of a file stays: folders list linked files by their own names as well. What is not there stays as it is written.
pub(crate) fn resolved(path: &Path) -> PathBuf {
    // There, resolved paths have a form that few programs understand.
    if cfg!(windows) {
        return path.to_owned();
    }
    let resolved = match (path.is_dir(), path.parent(), path.file_name()) {
        (false, Some(folder), Some(name)) => {
            let folder = match folder.as_os_str().is_empty() {
                true => Path::new("."),
                false => folder,
            };
            fs::canonicalize(folder).map(|folder| folder.join(name))
        }
        _ => fs::canonicalize(path),
    };
    resolved.unwrap_or_else(|_| path.to_owned())
}

/// The folder at a path, whose names may be written in another form of Unicode than the disk has (NFC, NFD).
pub(crate) fn folder_at(path: &Path) -> Option<PathBuf> {
    let mut found = PathBuf::new();
    for part in path.components() {
        let next = found.join(part);
        found = match next.exists() {
            true => next,
            false => spelled(&found, part.as_os_str())?,
        };
    }
    found.is_dir().then_some(found)
}

/// What is in a folder under a name that reads the same.
fn spelled(folder: &Path, name: &OsStr) -> Option<PathBuf> {
    let composed = |name: &OsStr| {
        let nfc = ComposingNormalizerBorrowed::new_nfc();
        name.to_str().map(|name| nfc.normalize(name).into_owned())
    };
    let wanted = composed(name)?;
    let mut entries = fs::read_dir(folder).ok()?.flatten();
    let entry = entries.find(|entry| composed(&entry.file_name()).as_ref() == Some(&wanted))?;
    Some(entry.path())
}
