//! Reading files: which are read, which are rejected, and that nothing blocks.

use std::{fs, io::Write, path::Path};

use picture::{Error, Limits, Picture, Result, read_within};

const LIMITS: Limits = Limits {
    bytes: 1000,
    pixels: 1000,
};

#[track_caller]
fn reason<T: std::fmt::Debug>(result: Result<T>) -> &'static str {
    result.unwrap_err().reason()
}

#[test]
fn reads_up_to_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, [7; 1000]).unwrap();
    assert_eq!(read_within(&path, &LIMITS).unwrap(), [7; 1000]);

    fs::OpenOptions::new()
        .append(true)
        .open(&path)
        .unwrap()
        .write_all(b"!")
        .unwrap();
    assert_eq!(reason(read_within(&path, &LIMITS)), "too many bytes");
}

#[test]
fn a_sparse_file_is_refused_by_its_size() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sparse");
    fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
    assert_eq!(
        reason(read_within(&path, &Limits::default())),
        "too many bytes"
    );
}

#[test]
fn names_do_not_matter() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("picture.jpg");
    let drawing = Picture::from_rgb(1, 1, vec![1, 2, 3]).unwrap();
    fs::write(&path, drawing.to_png()).unwrap();
    assert_eq!(Picture::open(&path, &LIMITS).unwrap(), drawing);
}

#[test]
fn what_is_not_a_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(reason(read_within(folder.path(), &LIMITS)), "not a file");
    assert_eq!(
        reason(read_within(&folder.path().join("nothing"), &LIMITS)),
        "not found"
    );
    let empty = folder.path().join("empty");
    fs::write(&empty, "").unwrap();
    assert_eq!(reason(Picture::open(&empty, &LIMITS)), "empty");
}

#[cfg(unix)]
#[test]
fn pipes_and_devices_are_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo")
        .arg(&pipe)
        .status()
        .unwrap();
    assert!(made.success());
    let link = folder.path().join("link.jpg");
    std::os::unix::fs::symlink(&pipe, &link).unwrap();
    for (path, expected) in [
        (&*pipe, "a pipe"),
        (&*link, "a pipe"),
        (Path::new("/dev/zero"), "a device"),
    ] {
        let error = read_within(path, &LIMITS).unwrap_err();
        let Error::NotAFile { kind, .. } = error else {
            panic!("{error:?}")
        };
        assert_eq!(kind, expected);
    }
}

/// Its metadata reports 0 bytes, but reading it returns more.
#[cfg(target_os = "linux")]
#[test]
fn a_file_that_is_larger_than_it_says_is_cut_short() {
    let path = Path::new("/proc/self/maps");
    assert!(!read_within(path, &Limits::default()).unwrap().is_empty());
    assert_eq!(
        reason(read_within(
            path,
            &Limits {
                bytes: 10,
                pixels: 1
            }
        )),
        "too many bytes"
    );
}
