use std::fs::Metadata;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use picture::{Limits, Picture};
use serde::{Deserialize, Serialize};

/// The age from which a file's modification time is reliable: file systems' clocks are as coarse as two
/// seconds (FAT).
const SETTLED_AFTER: Duration = Duration::from_secs(2);

/// The size and times of a file, which tell whether it changed without reading it. Programs that edit
/// metadata in place can keep the size and modification time (`exiftool -P`), so `ctime` is part of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileStamp {
    /// The file's size in bytes.
    pub bytes: u64,
    /// The modification time in nanoseconds since 1970. `None` if it was so recent that another change might
    /// not show.
    pub modified: Option<i64>,
    /// The time of the last change of the file or its attributes (`ctime`), in nanoseconds since 1970. `None`
    /// if the system doesn't report it, and in records of early versions.
    pub changed: Option<i64>,
}

impl FileStamp {
    /// The current stamp of the file at `path`.
    pub(crate) fn of(path: &Path) -> io::Result<FileStamp> {
        let metadata = path.metadata()?;
        Ok(FileStamp::at(&metadata, SystemTime::now()))
    }

    pub(crate) fn at(metadata: &Metadata, now: SystemTime) -> FileStamp {
        FileStamp {
            bytes: metadata.len(),
            modified: settled(metadata, now),
            changed: changed(metadata),
        }
    }

    /// Whether `file` is the stamp of the same, unchanged file.
    pub(crate) fn is_that_of(self, file: FileStamp) -> bool {
        self.modified.is_some()
            && (self.bytes, self.modified) == (file.bytes, file.modified)
            && (file.changed.is_none() || self.changed == file.changed)
    }
}

#[cfg(unix)]
fn changed(metadata: &Metadata) -> Option<i64> {
    use std::os::unix::fs::MetadataExt;
    let seconds = metadata.ctime().checked_mul(1_000_000_000)?;
    seconds.checked_add(metadata.ctime_nsec())
}

#[cfg(not(unix))]
fn changed(_: &Metadata) -> Option<i64> {
    None
}

fn settled(metadata: &Metadata, now: SystemTime) -> Option<i64> {
    let modified = metadata.modified().ok()?;
    // A time in the future never settles.
    let age = now.duration_since(modified).ok()?;
    let since = modified.duration_since(UNIX_EPOCH).ok()?;
    let nanoseconds = i64::try_from(since.as_nanos()).ok()?;
    (age > SETTLED_AFTER).then_some(nanoseconds)
}

/// Whether the file is a picture that can be decoded.
pub(crate) fn is_readable(file: &Path) -> bool {
    let limits = Limits::default();
    let decoded = picture::read_within(file, &limits)
        .and_then(|bytes| Picture::decode_reduced(&bytes, &limits, 1));
    decoded.is_ok()
}

/// Whether the file doesn't exist. False for a path that can't be accessed.
pub fn is_gone(file: &Path) -> bool {
    matches!(file.try_exists(), Ok(false))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use super::*;

    fn aged(path: &Path, seconds: u64) -> FileStamp {
        let time = SystemTime::now() - Duration::from_secs(seconds);
        File::options()
            .write(true)
            .open(path)
            .and_then(|file| file.set_modified(time))
            .unwrap();
        FileStamp::of(path).unwrap()
    }

    #[test]
    fn only_a_settled_file_is_known_by_its_stamp() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        fs::write(&path, "dog").unwrap();
        let metadata = path.metadata().unwrap();
        let after = |time| FileStamp::at(&metadata, metadata.modified().unwrap() + time);
        let fresh = after(SETTLED_AFTER);
        assert!(!fresh.is_that_of(fresh));
        let settled = after(SETTLED_AFTER + Duration::from_millis(1));
        assert!(settled.is_that_of(settled));
        let old = aged(&path, 60);
        assert!(old.is_that_of(FileStamp::of(&path).unwrap()));
        let of_an_earlier_build = FileStamp {
            changed: None,
            ..old
        };
        assert!(old.is_that_of(of_an_earlier_build));
        let touched = FileStamp {
            changed: old.changed.map(|time| time - 1),
            ..old
        };
        assert!(!old.is_that_of(touched));
        assert!(!old.is_that_of(aged(&path, 61)));
        assert!(!old.is_that_of(FileStamp { bytes: 4, ..old }));
        fs::remove_file(&path).unwrap();
        assert!(FileStamp::of(&path).is_err());
    }

    #[test]
    fn a_file_from_the_future_is_never_known() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        let future = SystemTime::now() + Duration::from_secs(3600);
        File::create(&path)
            .and_then(|file| file.set_modified(future))
            .unwrap();
        assert_eq!(FileStamp::of(&path).unwrap().modified, None);
    }
}
