//! Links a snapshot's files to their blobs with relative symbolic links, so that a cache can be moved. Copies
//! them where links are impossible.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// Puts the content of `blob` at `name` in `snapshot`, replacing any file there.
///
/// # Errors
/// If neither a link nor a copy can be created.
pub(crate) fn place(blob: &Path, snapshot: &Path, name: &str, symlinks: bool) -> Result<()> {
    let path = snapshot.join(name);
    let folder = path.parent().unwrap_or(snapshot);
    fs::create_dir_all(folder).map_err(Error::of(folder))?;
    // Among the blobs, so that an interruption leaves nothing in the snapshot.
    let unnamed = beside(blob);
    let made = if symlinks {
        link(&target(blob, name), &unnamed).or_else(|_| copy(blob, &unnamed))
    } else {
        copy(blob, &unnamed)
    };
    made.and_then(|()| fs::rename(&unnamed, &path))
        .map_err(|error| {
            // It may not exist.
            let _ = fs::remove_file(&unnamed);
            Error::of(&path)(error)
        })
}

/// Writes a small file atomically: readers see the old content or the new.
///
/// # Errors
/// If it can't be written.
pub(crate) fn write(path: &Path, content: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(Error::of(folder))?;
    }
    let beside = beside(path);
    let written = fs::write(&beside, content).and_then(|()| fs::rename(&beside, path));
    written.map_err(|error| {
        let _ = fs::remove_file(&beside);
        Error::of(path)(error)
    })
}

/// A unique name in the same folder.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{:08x}.tmp", fastrand::u32(..)));
    path.with_file_name(name)
}

/// From `snapshots/<commit>/<name>` to `blobs/<hash>`.
fn target(blob: &Path, name: &str) -> PathBuf {
    let up = name.split('/').count() + 1;
    let mut target: PathBuf = std::iter::repeat_n("..", up).collect();
    target.push("blobs");
    target.push(blob.file_name().unwrap_or_default());
    target
}

fn copy(blob: &Path, path: &Path) -> io::Result<()> {
    fs::copy(blob, path)?;
    fs::File::open(path)?.sync_all()
}

#[cfg(unix)]
fn link(target: &Path, path: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, path)
}

#[cfg(windows)]
fn link(target: &Path, path: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_file(target, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_in_a_subfolder_is_linked_or_copied() {
        for symlinks in [true, false] {
            let folder = tempfile::tempdir().unwrap();
            let blob = folder.path().join("blobs/abc");
            let snapshot = folder.path().join("snapshots/123");
            fs::create_dir(folder.path().join("blobs")).unwrap();
            fs::write(&blob, "content").unwrap();
            for _ in 0..2 {
                place(&blob, &snapshot, "1_Pooling/config.json", symlinks).unwrap();
            }
            let path = snapshot.join("1_Pooling/config.json");
            assert_eq!(fs::read_to_string(&path).unwrap(), "content");
            assert_eq!(path.is_symlink(), symlinks && cfg!(unix));
            assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        }
    }
}
