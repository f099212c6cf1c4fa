//! Compares embeddings with those of transformers and open_clip for the checkpoints in `fixtures/`, written by the
//! recipes in `tools/fixtures/clip/`.

use std::{fs, path::Path};

use clip::{Checkpoint, Model, Pixels, Scoring, Template, ZeroShot};
use picture::{Limits, Picture};
use safetensors::SafeTensors;

const CHECKPOINTS: [&str; 11] = [
    "transformers-5",
    "quick-gelu",
    "gelu",
    "old-config",
    "open-clip-vit",
    "open-clip-custom",
    "open-clip-resnet",
    "open-clip-worldwide",
    "siglip",
    "siglip2",
    "siglip2-naflex",
];

/// The tolerance for numbers of unit vectors.
const TOLERANCE: f32 = 1e-5;

fn load(name: &str) -> (Model, Expected) {
    let directory = Path::new("tests/fixtures").join(name);
    let model = Model::load(Checkpoint::open(&directory).unwrap()).unwrap();
    (
        model,
        Expected(fs::read(directory.join("expected.safetensors")).unwrap()),
    )
}

fn texts(name: &str) -> Vec<String> {
    let texts = fs::read(Path::new("tests/fixtures").join(name).join("texts.json")).unwrap();
    serde_json::from_slice(&texts).unwrap()
}

/// The file of inputs and results.
struct Expected(Vec<u8>);

impl Expected {
    fn shape(&self, name: &str) -> Vec<usize> {
        SafeTensors::deserialize(&self.0)
            .unwrap()
            .tensor(name)
            .unwrap()
            .shape()
            .to_vec()
    }

    fn has(&self, name: &str) -> bool {
        SafeTensors::deserialize(&self.0)
            .unwrap()
            .tensor(name)
            .is_ok()
    }

    fn floats(&self, name: &str) -> Vec<f32> {
        let tensors = SafeTensors::deserialize(&self.0).unwrap();
        let numbers = tensors.tensor(name).unwrap().data().as_chunks::<4>().0;
        numbers
            .iter()
            .map(|&bytes| f32::from_le_bytes(bytes))
            .collect()
    }

    /// Rows along the first dimension.
    fn rows(&self, name: &str) -> Vec<Vec<f32>> {
        let numbers = self.floats(name);
        numbers
            .chunks(numbers.len() / self.shape(name)[0])
            .map(<[f32]>::to_vec)
            .collect()
    }

    fn pixels(&self) -> Vec<Pixels> {
        let size = self.shape("pixel_values")[3];
        let pixels = self.rows("pixel_values").into_iter();
        pixels
            .map(|values| Pixels::new(size, size, values).unwrap())
            .collect()
    }

    fn token_ids(&self) -> Vec<Vec<u32>> {
        let tensors = SafeTensors::deserialize(&self.0).unwrap();
        let view = tensors.tensor("input_ids").unwrap();
        let ids = view.data().as_chunks::<8>().0;
        let ids: Vec<u32> = ids
            .iter()
            .map(|&bytes| i64::from_le_bytes(bytes) as u32)
            .collect();
        ids.chunks(view.shape()[1]).map(<[u32]>::to_vec).collect()
    }
}

fn repeat<T: Clone>(items: &[T], times: usize) -> Vec<T> {
    items
        .iter()
        .cycle()
        .take(times * items.len())
        .cloned()
        .collect()
}

#[track_caller]
fn assert_close(name: &str, found: &[Vec<f32>], expected: &[Vec<f32>], tolerance: f32) {
    assert_eq!(found.len(), expected.len(), "{name}");
    for (row, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert_eq!(found.len(), expected.len(), "{name}, row {row}");
        let off = found
            .iter()
            .zip(expected)
            .map(|(one, other)| (one - other).abs())
            .fold(0.0, f32::max);
        assert!(off <= tolerance, "{name}, row {row}: off by {off:e}");
    }
}

#[test]
fn pictures_get_transformers_vectors() {
    for name in CHECKPOINTS {
        let (model, expected) = load(name);
        let found = model.embed_pixels(&expected.pixels()).unwrap();
        assert_eq!(found[0].len(), model.dimension());
        assert_close(name, &found, &expected.rows("image_embeds"), TOLERANCE);
    }
}

#[test]
fn token_ids_get_transformers_vectors() {
    for name in CHECKPOINTS {
        let (model, expected) = load(name);
        let found = model.embed_tokens(&expected.token_ids()).unwrap();
        assert_close(name, &found, &expected.rows("text_embeds"), TOLERANCE);
    }
}

#[test]
fn texts_get_transformers_vectors() {
    for name in CHECKPOINTS {
        let (model, expected) = load(name);
        let texts = texts(name);
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let found = model.embed_texts(&texts).unwrap();
        assert_close(
            name,
            &found,
            &expected.rows("text_embeds")[..texts.len()],
            TOLERANCE,
        );
    }
}

#[test]
fn pictures_get_transformers_pixels() {
    for name in CHECKPOINTS {
        let (model, expected) = load(name);
        let mut files: Vec<_> = fs::read_dir("tests/fixtures/pictures")
            .unwrap()
            .map(|file| file.unwrap().path())
            .collect();
        files.sort();
        let names = files
            .iter()
            .map(|file| format!("pixels {}", file.file_name().unwrap().display()));
        let mut compared = 0;
        for (file, pixels) in files
            .iter()
            .zip(names)
            .filter(|(_, name)| expected.has(name))
        {
            let picture = Picture::open(file, &Limits::default()).unwrap();
            let found = model.preprocess(&picture);
            // A brightness step of 1/255, for the smallest deviation among the fixtures and the largest factor.
            let step = match name {
                "old-config" => 1.0 / 127.5 / 0.8,
                "siglip" | "siglip2" | "siglip2-naflex" => 1.0 / 255.0 / 0.5,
                _ => 1.0 / 255.0 / 0.261,
            };
            assert_close(
                name,
                &[found.values().to_vec()],
                &[expected.floats(&pixels)],
                step * 1.001,
            );
            compared += 1;
        }
        let expected = match name {
            // open_clip fails on the narrowest.
            "open-clip-custom" => 5,
            "open-clip-resnet" | "open-clip-worldwide" => 2,
            _ => 6,
        };
        assert_eq!(compared, expected, "{name}");
    }
}

#[test]
fn one_at_a_time_equals_many() {
    for name in CHECKPOINTS {
        let (model, expected) = load(name);
        let (pixels, tokens) = (expected.pixels(), expected.token_ids());
        let many = model.embed_pixels(&repeat(&pixels, 9)).unwrap();
        let single = pixels.iter().map(|pixels| {
            model
                .embed_pixels(std::slice::from_ref(pixels))
                .unwrap()
                .remove(0)
        });
        assert_close(name, &many, &repeat(&single.collect::<Vec<_>>(), 9), 1e-6);
        let many = model.embed_tokens(&repeat(&tokens, 17)).unwrap();
        let single = tokens.iter().map(|tokens| {
            model
                .embed_tokens(std::slice::from_ref(tokens))
                .unwrap()
                .remove(0)
        });
        assert_close(name, &many, &repeat(&single.collect::<Vec<_>>(), 17), 1e-6);
    }
}

#[test]
fn what_follows_the_end_changes_nothing() {
    let (model, _) = load("quick-gelu");
    let tokens = model.tokenize("a photo of a cat").unwrap();
    let end = *tokens.last().unwrap();
    let padded = [tokens.clone(), vec![end, 4, 7]].concat();
    let vectors = model.embed_tokens(&[tokens, padded]).unwrap();
    assert_eq!(vectors[0], vectors[1]);
}

#[test]
fn zero_shot_gives_transformers_probabilities() {
    for name in CHECKPOINTS {
        let (model, expected) = load(name);
        let labels = texts(name);
        let zero_shot = ZeroShot::new(&model, &labels, &[Template::new("{}").unwrap()]).unwrap();
        assert!((model.scoring().scale() - 20.0).abs() < 0.1);
        let classified = model.embed_pixels(&expected.pixels()).unwrap();
        for (vector, expected) in classified.iter().zip(expected.rows("probabilities")) {
            // Softmax: the file has more texts than labels, so compare relative to the labels' sum.
            let sum: f32 = match model.scoring() {
                Scoring::Softmax { .. } => expected[..labels.len()].iter().sum(),
                Scoring::Sigmoid { bias, .. } => {
                    assert_eq!(bias, -3.0);
                    1.0
                }
            };
            let scores = zero_shot.classify(vector);
            assert!(scores.is_sorted_by(|one, next| one.probability >= next.probability));
            for (label, expected) in labels.iter().zip(&expected) {
                let score = scores.iter().find(|score| score.label == *label).unwrap();
                assert!(
                    (score.probability - expected / sum).abs() < 1e-4,
                    "{name}, {label}"
                );
            }
        }
    }
}

#[test]
fn threads_share_a_model() {
    let (model, expected) = load("gelu");
    let (pixels, rows) = (expected.pixels(), expected.rows("image_embeds"));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                assert_close(
                    "gelu",
                    &model.embed_pixels(&pixels).unwrap(),
                    &rows,
                    TOLERANCE,
                );
            });
        }
    });
}
