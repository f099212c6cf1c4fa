//! Compares the bundled model with its recipe (`tools/mini`), and with common sense.

use std::path::{Path, PathBuf};

use clip::{Arithmetic, Checkpoint, Instructions, Model, Precision};
use picture::{Limits, Picture};
use serde::Deserialize;

/// Results of `tools/mini` in PyTorch with the weights that it wrote.
#[derive(Deserialize)]
struct Reference {
    texts: Vec<TextReference>,
    pictures: Vec<PictureReference>,
}

#[derive(Deserialize)]
struct TextReference {
    text: String,
    ids: Vec<u32>,
    vector: Vec<f32>,
}

#[derive(Deserialize)]
struct PictureReference {
    pattern: String,
    vector: Vec<f32>,
}

fn below_root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path)
}

fn model() -> Model {
    Model::load(Checkpoint::open(&below_root("models/mini")).unwrap()).unwrap()
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("fixtures/mini.json")).unwrap()
}

/// The recipe's pictures, 224 x 224, so that nothing is resized.
fn pattern(name: &str) -> Picture {
    let mut noise = 1_u32;
    let mut value = |x: u32, y: u32, channel: u32| match name {
        "waves" => (x * (3 + channel) + y * (5 - channel)) / 4 % 256,
        "checks" => 30 + 190 * ((x / 28 + y / 28 + channel) % 2),
        "noise" => {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            noise >> 24
        }
        other => panic!("no pattern `{other}`"),
    };
    let mut pixels = Vec::with_capacity(224 * 224 * 3);
    for y in 0..224 {
        for x in 0..224 {
            pixels.extend((0..3).map(|channel| value(x, y, channel) as u8));
        }
    }
    Picture::from_rgb(224, 224, pixels).unwrap()
}

#[track_caller]
fn assert_near(found: &[f32], expected: &[f32], tolerance: f32, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let off = found
        .iter()
        .zip(expected)
        .map(|(one, other)| (one - other).abs())
        .fold(0.0, f32::max);
    assert!(off <= tolerance, "{what}: off by {off}");
}

fn cosine(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}

#[test]
fn texts_have_the_reference_ids_and_vectors() {
    let model = model();
    for reference in reference().texts {
        assert_eq!(
            model.tokenize(&reference.text).unwrap(),
            reference.ids,
            "{}",
            reference.text
        );
        let vector = model.embed_text(&reference.text).unwrap();
        assert_near(&vector, &reference.vector, 1e-4, &reference.text);
    }
}

#[test]
fn pictures_have_the_reference_vectors() {
    let model = model();
    for reference in reference().pictures {
        let vector = model.embed_picture(&pattern(&reference.pattern)).unwrap();
        assert_near(&vector, &reference.vector, 1e-4, &reference.pattern);
    }
}

#[test]
fn a_vector_is_the_same_alone_and_among_others() {
    let model = model();
    let texts = [
        "a dog",
        "two children play football on the beach",
        "a red car in front of a house",
        "a cat",
    ];
    let together = model.embed_texts(&texts).unwrap();
    for (text, vector) in texts.iter().zip(&together) {
        assert_near(&model.embed_text(text).unwrap(), vector, 1e-5, text);
    }
    let patterns = ["waves", "checks", "noise"];
    let together = model.embed_pictures(&patterns.map(pattern)).unwrap();
    for (name, vector) in patterns.iter().zip(&together) {
        assert_near(
            &model.embed_picture(&pattern(name)).unwrap(),
            vector,
            1e-5,
            name,
        );
    }
}

#[test]
fn long_texts_are_cut_to_what_the_model_reads() {
    let model = model();
    let long = "dog ".repeat(500);
    assert_eq!(
        model.tokenize(&long).unwrap().len(),
        model.description().context
    );
    model.embed_text(&long).unwrap();
}

#[test]
fn pictures_are_nearest_to_what_they_show() {
    let model = model();
    let shown = [
        ("two-brown-dogs", "a photo of dogs"),
        ("coral-reef", "fish and corals under water"),
        ("suspension-bridge-at-night", "a bridge at night"),
        ("panda-on-a-ledge", "a giant panda"),
    ];
    let texts = model.embed_texts(&shown.map(|(_, text)| text)).unwrap();
    for (index, (name, text)) in shown.iter().enumerate() {
        let file = below_root(&format!("demo/pictures/{name}.jpg"));
        let picture = model
            .embed_picture(&Picture::open(&file, &Limits::default()).unwrap())
            .unwrap();
        let best = (0..texts.len()).max_by(|&one, &other| {
            cosine(&picture, &texts[one]).total_cmp(&cosine(&picture, &texts[other]))
        });
        assert_eq!(best, Some(index), "`{name}` is not nearest to `{text}`");
    }
}

/// All precisions and instructions of this processor, on texts and pictures.
#[test]
fn all_precisions_and_instructions_agree() {
    let embed = |model: &Model| {
        let mut vectors = model
            .embed_texts(&["two fish in a pond", "a", "an orange hammer on a bench"])
            .unwrap();
        for name in ["waves", "checks", "noise"] {
            vectors.push(model.embed_picture(&pattern(name)).unwrap());
        }
        vectors
    };
    let exact = embed(&model());
    for instructions in Instructions::available() {
        for (precision, least) in [
            (Precision::F32, 0.999_999),
            (Precision::Bf16, 0.999),
            (Precision::Int8, 0.99),
        ] {
            let arithmetic = Arithmetic {
                precision,
                instructions,
            };
            let found = embed(&model().computed_by(arithmetic));
            for (exact, found) in exact.iter().zip(&found) {
                let cosine: f32 = exact
                    .iter()
                    .zip(found)
                    .map(|(one, other)| one * other)
                    .sum();
                assert!(cosine > least, "{arithmetic:?}: {cosine}");
            }
        }
    }
}
