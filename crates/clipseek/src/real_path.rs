//! Real paths: symbolic links resolved, and names in the Unicode form of the disk.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use icu_normalizer::ComposingNormalizerBorrowed;

/// The path of a source without symbolic links, so that all paths to a folder mean the same source. The file name itself is
/// not resolved: listings of folders keep the names of linked files too. A missing path stays unchanged.
pub(crate) fn resolved(path: &Path) -> PathBuf {
    // On Windows, resolved paths have a form that few programs understand.
    if cfg!(windows) {
        return path.to_owned();
    }
    let resolved = match (path.is_dir(), path.parent(), path.file_name()) {
        (false, Some(folder), Some(name)) => {
            let folder = if folder.as_os_str().is_empty() {
                Path::new(".")
            } else {
                folder
            };
            fs::canonicalize(folder).map(|folder| folder.join(name))
        }
        _ => fs::canonicalize(path),
    };
    resolved.unwrap_or_else(|_| path.to_owned())
}

/// The folder at a path, whose names may be in another Unicode form than on the disk (NFC, NFD).
pub(crate) fn folder_at(path: &Path) -> Option<PathBuf> {
    let mut found = PathBuf::new();
    for part in path.components() {
        let next = found.join(part);
        found = if next.exists() {
            next
        } else {
            spelled(&found, part.as_os_str())?
        };
    }
    found.is_dir().then_some(found)
}

/// The entry of a folder whose name is the same after normalisation.
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
