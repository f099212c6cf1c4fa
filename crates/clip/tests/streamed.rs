//! A model that reads its weights at each use gives the same embeddings.

use std::fs;

use clip::{Arithmetic, Checkpoint, Model, Pixels, Precision};

/// The embeddings of a text and, with a vision tower, of a picture.
fn vectors(model: &Model) -> Vec<Vec<f32>> {
    let mut vectors = model.embed_texts(&["two dogs in the snow"]).unwrap();
    if let Some(size) = model.description().image_size {
        let values = (0..3 * size * size).map(|number| (number as f32).sin());
        let pixels = Pixels::new(size, size, values.collect()).unwrap();
        vectors.extend(model.embed_pixels(&[pixels]).unwrap());
    }
    vectors
}

#[test]
fn every_family_has_the_same_vectors() {
    let fixtures = ["tests/fixtures", "tests/fixtures/multilingual"];
    let folders = fixtures
        .iter()
        .flat_map(|folder| fs::read_dir(folder).unwrap());
    let mut models = 0;
    for folder in folders.map(|folder| folder.unwrap().path()) {
        let load = || Model::load(Checkpoint::open(&folder)?);
        // Other folders contain no model.
        if load().is_err() {
            continue;
        }
        models += 1;
        for precision in Precision::ALL {
            let arithmetic = Arithmetic {
                precision,
                ..Arithmetic::default()
            };
            let packed = load().unwrap().computed_by(arithmetic);
            let expected = vectors(&packed);
            let streamed = packed.streamed();
            assert_eq!(
                vectors(&streamed),
                expected,
                "{}, {precision:?}",
                folder.display()
            );
        }
    }
    assert!(models >= 14, "{models} models");
}
