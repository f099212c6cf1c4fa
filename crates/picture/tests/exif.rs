//! What is read from EXIF, against what `tools/fixtures/picture/make.py` wrote into it.

use std::{fs, path::PathBuf};

use picture::Metadata;

fn fixture(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    fs::read(folder.join(name)).unwrap()
}

/// As the recipe writes it: degrees with six places, without zeros at the end.
fn degrees(value: Option<f64>) -> String {
    let rounded = value.map(|value| (value * 1e6).round() / 1e6);
    rounded.map(|value| value.to_string()).unwrap_or_default()
}

#[test]
fn photographs_say_when_with_what_and_where() {
    let mut complaints = Vec::new();
    for line in include_str!("fixtures/exif.tsv").lines() {
        let (file, expected) = line.split_once('\t').unwrap();
        let exif = Metadata::of(&fixture(file));
        let got = [
            exif.taken.unwrap_or_default(),
            exif.camera.unwrap_or_default(),
            degrees(exif.latitude),
            degrees(exif.longitude),
        ]
        .join("\t");
        if got != expected {
            complaints.push(format!("{file}: {got:?}, expected {expected:?}"));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn what_is_no_picture_says_nothing() {
    assert_eq!(Metadata::of(b""), Metadata::default());
    assert_eq!(Metadata::of(b"not a picture"), Metadata::default());
    assert_eq!(Metadata::of(b"II*\0\xFF\xFF\xFF\xFF"), Metadata::default());
}
