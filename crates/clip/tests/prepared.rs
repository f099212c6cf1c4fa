//! The way from a picture's file to its embedding, alone and in batches.

use std::path::{Path, PathBuf};

use clip::{Checkpoint, Error, Model, Pixels};
use picture::{Limits, Picture};

fn load(directory: &str) -> Model {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    Model::load(Checkpoint::open(&directory).unwrap()).unwrap()
}

/// A JPEG so large that a model with an input of 24 x 24 pixels gets a reduced copy.
fn large_jpeg() -> Vec<u8> {
    let (width, height) = (900, 700);
    let value =
        |x: u32, y: u32, channel: u32| (x * (3 + channel) / 7 + y * (5 - channel) / 9) as u8;
    let pixels = (0..height).flat_map(|y| {
        (0..width).flat_map(move |x| (0..3).map(move |channel| value(x, y, channel)))
    });
    Picture::from_rgb(width, height, pixels.collect())
        .unwrap()
        .to_jpeg(90)
}

/// Twenty pictures of the demo: more than one batch, with several proportions.
fn demo_files() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo/pictures");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "jpg"))
        .collect();
    paths.sort();
    paths.truncate(20);
    paths
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect()
}

#[test]
fn a_file_has_the_vector_of_its_prepared_pixels() {
    let limits = Limits::default();
    let small = std::fs::read("tests/fixtures/pictures/37x23.png").unwrap();
    for directory in [
        "tests/fixtures/quick-gelu",
        "tests/fixtures/siglip2-naflex",
        "../../models/mini",
    ] {
        let model = load(directory);
        for (bytes, size) in [(&small, (37, 23)), (&large_jpeg(), (900, 700))] {
            let prepared = model.prepare(bytes, &limits).unwrap();
            assert_eq!((prepared.width, prepared.height), size, "{directory}");
            let vectors = model.embed_pixels(&[prepared.pixels]).unwrap();
            assert_eq!(
                model.embed_bytes(bytes, &limits).unwrap(),
                vectors[0],
                "{directory}"
            );
        }
    }
}

/// Otherwise the test above would not show that `embed_bytes` decodes at a reduced size.
#[test]
fn a_large_jpeg_is_prepared_from_a_reduced_copy() {
    let (model, limits) = (load("tests/fixtures/quick-gelu"), Limits::default());
    let whole = Picture::decode(&large_jpeg(), &limits).unwrap();
    let prepared = model.prepare(&large_jpeg(), &limits).unwrap();
    assert_ne!(prepared.pixels, model.preprocess(&whole));
}

#[test]
fn what_is_no_picture_is_the_pictures_error() {
    let model = load("tests/fixtures/quick-gelu");
    let error = model
        .embed_bytes(b"no picture", &Limits::default())
        .unwrap_err();
    assert_eq!(error.to_string(), "not a picture of a known format");
    assert!(matches!(error, Error::Picture(picture::Error::NotAPicture)));
}

/// Not bit-exact: with more rows, a product adds in another order. Measured on x86-64 with AVX-512: at most 3e-7 for
/// the checkpoints with random weights, and 0 for the bundled model.
#[test]
fn a_batch_gives_each_file_nearly_the_vector_it_has_alone() {
    let limits = Limits::default();
    let files = demo_files();
    for directory in [
        "tests/fixtures/quick-gelu",
        "tests/fixtures/open-clip-resnet",
        "tests/fixtures/siglip2-naflex",
        "../../models/mini",
    ] {
        let model = load(directory);
        let prepare = |bytes: &Vec<u8>| model.prepare(bytes, &limits).unwrap().pixels;
        let pixels: Vec<Pixels> = files.iter().map(prepare).collect();
        let together = model.embed_pixels(&pixels).unwrap();
        for (bytes, vector) in files.iter().zip(&together) {
            let alone = model.embed_bytes(bytes, &limits).unwrap();
            let differences = alone
                .iter()
                .zip(vector)
                .map(|(one, other)| (one - other).abs());
            let off = differences.fold(0.0, f32::max);
            assert!(off <= 1e-6, "{directory}: off by {off:e}");
        }
    }
}
