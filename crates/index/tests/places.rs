//! Read-only and full file systems. Needs permission to mount them; otherwise the tests print that they were
//! skipped.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use index::{Embedded, EmbeddedIndex, Error, IndexSpec, Metadata, Metric, Query, QueryBy, Vector};
use tempfile::TempDir;

/// A mounted directory, unmounted on drop.
struct Mount {
    path: PathBuf,
    _directory: TempDir,
}

impl Mount {
    /// `None` if mounting isn't allowed.
    fn new(options: &[&str], source: &str) -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().to_owned();
        let mounted = mount(options, Some(source), &path);
        if !mounted {
            eprintln!("nothing was tested: this user may not mount {source}");
        }
        mounted.then_some(Self {
            path,
            _directory: directory,
        })
    }

    fn in_memory(size: &str) -> Option<Self> {
        Self::new(&["-t", "tmpfs", "-o", size], "tmpfs")
    }

    fn make_read_only(&self) {
        assert!(mount(&["-o", "remount,ro"], None, &self.path));
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.path).status();
    }
}

fn mount(options: &[&str], source: Option<&str>, path: &Path) -> bool {
    let status = Command::new("mount")
        .args(options)
        .args(source)
        .arg(path)
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

fn create(directory: &Path) -> EmbeddedIndex {
    let spec = IndexSpec {
        name: "photos".into(),
        dimension: 64,
        metric: Metric::Dotproduct,
    };
    let engine = Embedded::open(directory).unwrap();
    engine.create_index(&spec).unwrap();
    engine.index("photos").unwrap()
}

fn vectors(range: std::ops::Range<u32>) -> Vec<Vector> {
    let vector = |number: u32| Vector {
        id: format!("{number:06}"),
        values: vec![number as f32; 64],
        metadata: Metadata::new(),
        sparse_values: None,
    };
    range.map(vector).collect()
}

fn best(index: &EmbeddedIndex) -> String {
    let query = Query::new(QueryBy::Values(vec![1.0; 64]), 1);
    index.query("", &query).unwrap().remove(0).id
}

fn open(directory: &Path) -> EmbeddedIndex {
    Embedded::open(directory).unwrap().index("photos").unwrap()
}

#[track_caller]
fn is_read_only<T>(result: Result<T, Error>) {
    let error = result.err().expect("it is read-only");
    assert!(matches!(error, Error::ReadOnly { .. }), "{error:?}");
}

fn copy(from: &Path, to: &Path, leave_out: &str) {
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(&target).unwrap();
            copy(&entry.path(), &target, leave_out);
        } else if !target.to_string_lossy().ends_with(leave_out) {
            fs::copy(entry.path(), &target).unwrap();
        }
    }
}

#[test]
fn a_read_only_file_system_is_searched() {
    let Some(place) = Mount::in_memory("size=64m") else {
        return;
    };
    create(&place.path).upsert("", &vectors(0..5_000)).unwrap();
    place.make_read_only();
    let engine = Embedded::open(&place.path).unwrap();
    assert!(engine.notice().is_some());
    let index = engine.index("photos").unwrap();
    assert_eq!(best(&index), "004999");
    is_read_only(index.upsert("", &vectors(0..1)));
    is_read_only(index.refresh(""));
    is_read_only(engine.drop_index("photos"));
    assert_eq!(index.count("").unwrap(), 5_000);
}

/// Like a snapshot of a file system taken during a write.
#[test]
fn a_read_only_copy_with_a_log_is_searched() {
    let Some(place) = Mount::in_memory("size=64m") else {
        return;
    };
    let live = tempfile::tempdir().unwrap();
    let index = create(live.path());
    index.upsert("", &vectors(0..10)).unwrap();
    copy(live.path(), &place.path, "nothing");
    place.make_read_only();
    let index = open(&place.path);
    assert_eq!(best(&index), "000009");
    is_read_only(index.upsert("", &vectors(0..1)));
}

#[test]
fn a_log_that_cannot_be_read_is_not_passed_over() {
    let Some(place) = Mount::in_memory("size=64m") else {
        return;
    };
    let live = tempfile::tempdir().unwrap();
    let index = create(live.path());
    index.upsert("", &vectors(0..10)).unwrap();
    copy(live.path(), &place.path, "-shm");
    place.make_read_only();
    match Embedded::open(&place.path) {
        Ok(engine) => assert_eq!(best(&engine.index("photos").unwrap()), "000009"),
        Err(error) => assert!(
            matches!(error, Error::UnfinishedChanges { .. }),
            "{error:?}"
        ),
    }
}

/// The same files are writable through another path, as in a directory of another user.
#[test]
fn a_read_only_directory_follows_its_writer() {
    let writable = tempfile::tempdir().unwrap();
    create(writable.path()).upsert("", &vectors(0..10)).unwrap();
    let source = writable.path().to_str().unwrap();
    let Some(place) = Mount::new(&["--bind"], source) else {
        return;
    };
    assert!(mount(&["-o", "remount,bind,ro"], None, &place.path));
    let index = open(&place.path);
    assert_eq!(best(&index), "000009");

    let writer = open(writable.path());
    writer.upsert("", &vectors(10..20)).unwrap();
    let query = Query::new(QueryBy::Values(vec![1.0; 64]), 1);
    let error = index.query("", &query).unwrap_err();
    assert!(matches!(error, Error::ChangedMeanwhile { .. }), "{error:?}");
    let index = open(&place.path);
    assert_eq!(best(&index), "000019");
    is_read_only(index.upsert("", &vectors(0..1)));
    writer.upsert("", &vectors(20..30)).unwrap();
    assert_eq!(best(&index), "000029");
}

#[test]
fn a_full_disk_loses_nothing() {
    let Some(place) = Mount::in_memory("size=6m") else {
        return;
    };
    let index = create(&place.path);
    let ballast = place.path.join("ballast");
    fs::write(&ballast, vec![1; 2 << 20]).unwrap();
    let mut stored = 0;
    let error = loop {
        match index.upsert("", &vectors(stored..stored + 500)) {
            Ok(_) => stored += 500,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::DiskFull { .. }), "{error:?}");
    assert!(error.to_string().contains("vectors.sqlite3"), "{error}");
    assert!(stored > 0);
    for index in [&index, &open(&place.path)] {
        assert_eq!(index.count("").unwrap(), u64::from(stored));
        assert_eq!(best(index), format!("{:06}", stored - 1));
    }
    fs::remove_file(&ballast).unwrap();
    index.upsert("", &vectors(stored..stored + 500)).unwrap();
    assert_eq!(best(&index), format!("{:06}", stored + 499));
}

#[test]
fn a_full_disk_is_named_by_refresh() {
    let Some(place) = Mount::in_memory("size=6m") else {
        return;
    };
    let index = create(&place.path);
    index.upsert("", &vectors(0..2_000)).unwrap();
    let mut ballast = fs::File::create(place.path.join("ballast")).unwrap();
    while std::io::Write::write_all(&mut ballast, &[1; 4096]).is_ok() {}
    drop(ballast);
    let error = index.refresh("").unwrap_err();
    assert!(matches!(error, Error::DiskFull { .. }), "{error:?}");
    assert_eq!(best(&index), "001999");
    fs::remove_file(place.path.join("ballast")).unwrap();
    index.refresh("").unwrap();
    assert_eq!(
        fs::read_dir(place.path.join("segments")).unwrap().count(),
        1
    );
}

/// Acknowledged writes are there for the next process that opens the directory.
#[cfg(unix)]
#[test]
fn a_directory_that_is_gone_takes_no_more() {
    let outer = tempfile::tempdir().unwrap();
    let (place, moved) = (outer.path().join("here"), outer.path().join("moved"));
    let index = create(&place);
    index.upsert("", &vectors(0..10)).unwrap();
    let is_gone = |result: Result<usize, Error>| {
        assert!(matches!(result, Err(Error::Gone { .. })), "{result:?}");
    };
    fs::rename(&place, &moved).unwrap();
    is_gone(index.upsert("", &vectors(10..20)));
    assert_eq!(index.count("").unwrap(), 10);
    // A replaced file isn't the same.
    let other = create(&place);
    is_gone(index.upsert("", &vectors(10..20)));
    assert_eq!(other.count("").unwrap(), 0);
    fs::remove_dir_all(&place).unwrap();
    fs::rename(&moved, &place).unwrap();
    index.upsert("", &vectors(10..20)).unwrap();
    assert_eq!(open(&place).count("").unwrap(), 20);
}
