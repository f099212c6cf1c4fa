//! Checks that resampling equals Pillow's bit for bit. The expected hashes come from `tools/fixtures/picture/make.py`.

mod pattern;

use pattern::pattern;
use picture::{ContentHash, Filter, Picture, Size, Window};

/// A line of the table: resize a pattern, crop a window, hash the pixels.
struct Case {
    numbers: [u32; 8],
    filter: Filter,
    hash: ContentHash,
}

fn cases() -> Vec<Case> {
    include_str!("fixtures/resample.tsv")
        .lines()
        .map(Case::parse)
        .collect()
}

impl Case {
    fn parse(line: &str) -> Case {
        let fields: Vec<&str> = line.split('\t').collect();
        let [numbers @ .., filter, hash] = &fields[..] else {
            panic!("{line}")
        };
        let numbers: Vec<u32> = numbers
            .iter()
            .map(|number| number.parse().unwrap())
            .collect();
        Case {
            numbers: numbers.try_into().unwrap(),
            filter: filter_named(filter),
            hash: hash.parse().unwrap(),
        }
    }

    fn resampled(&self) -> Picture {
        let [
            width,
            height,
            full_width,
            full_height,
            left,
            top,
            columns,
            rows,
        ] = self.numbers;
        let full = Size {
            width: full_width,
            height: full_height,
        };
        let window = Window {
            left,
            top,
            width: columns,
            height: rows,
        };
        pattern(width, height).resample(full, window, self.filter)
    }
}

fn filter_named(name: &str) -> Filter {
    match name {
        "nearest" => Filter::Nearest,
        "box" => Filter::Box,
        "bilinear" => Filter::Bilinear,
        "hamming" => Filter::Hamming,
        "bicubic" => Filter::Bicubic,
        "lanczos3" => Filter::Lanczos3,
        _ => panic!("no filter `{name}`"),
    }
}

#[test]
fn equals_pillow_to_the_bit() {
    let wrong: Vec<_> = cases()
        .into_iter()
        .filter(|case| ContentHash::of(case.resampled().pixels()) != case.hash)
        .map(|case| (case.numbers, case.filter))
        .collect();
    assert!(wrong.is_empty(), "differ from Pillow: {wrong:?}");
}
