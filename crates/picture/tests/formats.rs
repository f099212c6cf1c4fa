//! Compares a file of every kind with the upright RGB that `tools/fixtures/picture/make.py` expects.

use std::{fs, path::PathBuf};

use picture::{Limits, Picture, decoder_process::set_program, decoding_cost};

fn fixture(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/formats");
    fs::read(folder.join(name)).unwrap()
}

/// A picture as the recipe writes it: a header line, then the pixels.
fn expected(name: &str) -> Picture {
    let bytes = fixture(name);
    let end = bytes.iter().position(|&byte| byte == b'\n').unwrap();
    let header = std::str::from_utf8(&bytes[..end]).unwrap();
    let fields: Vec<&str> = header.split(' ').collect();
    let ["P6", width, height, "255"] = fields[..] else {
        panic!("{name}: {header}")
    };
    let pixels = bytes[end + 1..].to_vec();
    Picture::from_rgb(width.parse().unwrap(), height.parse().unwrap(), pixels).unwrap()
}

/// The difference from the expected picture, if any.
fn complaint(file: &str, expected: &Picture, tolerance: u8) -> Option<String> {
    let picture = match Picture::decode(&fixture(file), &Limits::default()) {
        Ok(picture) => picture,
        Err(error) => return Some(format!("{file}: {}: {error:?}", error.reason())),
    };
    if picture.size() != expected.size() {
        return Some(format!("{file}: {picture:?}, expected {expected:?}"));
    }
    let samples = picture.pixels().iter().zip(expected.pixels());
    let largest = samples
        .map(|(got, expected)| got.abs_diff(*expected))
        .max()?;
    (largest > tolerance).then(|| format!("{file}: off by {largest}, expected at most {tolerance}"))
}

#[test]
fn every_kind_is_decoded_upright_and_flat() {
    set_program(env!("CARGO_BIN_EXE_picture-decoder").into());
    let complaints: Vec<String> = include_str!("fixtures/formats.tsv")
        .lines()
        .filter_map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            let [file, picture, tolerance] = fields[..] else {
                panic!("{line}")
            };
            complaint(file, &expected(picture), tolerance.parse().unwrap())
        })
        .collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// Files take at least their pixels' memory, and that of a second form if there is one.
#[test]
fn the_cost_is_known_before_decoding() {
    let cost = |file: &str| decoding_cost(&fixture(file), &Limits::default(), u32::MAX);
    for line in include_str!("fixtures/formats.tsv").lines() {
        let file = line.split('\t').next().unwrap();
        let pixels = expected(line.split('\t').nth(1).unwrap()).pixels().len() as u64;
        // These are decoded with their cropped parts.
        let is_cropped = file.starts_with("cropped") || file.ends_with(".heic");
        // These are decoded as floats.
        let most = if file.ends_with(".jxl") {
            pixels * 16 + 1
        } else if is_cropped {
            u64::MAX
        } else {
            pixels * 8
        };
        assert!(
            (pixels..most).contains(&cost(file)),
            "{file}: {}",
            cost(file)
        );
    }
    assert!(cost("progressive.jpg") >= cost("420.jpg") + 23 * 17 * 3);
    assert!(cost("rgb-alpha-16.png") > cost("rgb-16.png"));
    assert_eq!(decoding_cost(b"not a picture", &Limits::default(), 1), 0);
}

#[test]
fn files_with_more_than_a_picture_are_known() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/formats");
    let case = |name: &str, expected| {
        let bytes = std::fs::read(format!("{folder}/{name}")).unwrap();
        assert_eq!(picture::holds_more(&bytes), expected, "{name}");
    };
    for name in [
        "animated.gif",
        "animated.png",
        "animated.webp",
        "plain.dng",
        "420.heic",
    ] {
        case(name, true);
    }
    for name in [
        "plain.gif",
        "rgb.png",
        "lossy.webp",
        "rgb.tif",
        "420.jpg",
        "rgb.bmp",
    ] {
        case(name, false);
    }
    assert!(picture::holds_more(b"no picture"));
}
