//! Weights in other formats than a single safetensors file: `fixtures/forms`, written by
//! `tools/fixtures/clip/forms.py`, has the weights of `fixtures/old-config` in every format.

use std::{error::Error as _, fs, path::Path};

use clip::{Checkpoint, Error, Model, Pixels, Result};
use nn::PickleError;
use tempfile::TempDir;

const FORMS: [&str; 6] = [
    "zip",
    "sequence",
    "protocol-5",
    "odd",
    "sharded",
    "sharded-bin",
];

/// `fixtures/old-config`, with other weights.
struct Copy(TempDir);

impl Copy {
    fn without_weights() -> Self {
        let copy = Self(TempDir::new().unwrap());
        copy.take("old-config");
        fs::remove_file(copy.0.path().join("model.safetensors")).unwrap();
        copy
    }

    fn with_form(form: &str) -> Self {
        let copy = Self::without_weights();
        copy.take(&format!("forms/{form}"));
        copy
    }

    fn take(&self, folder: &str) {
        for file in fs::read_dir(Path::new("tests/fixtures").join(folder)).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), self.0.path().join(file.file_name())).unwrap();
        }
    }

    fn with(self, file: &str, contents: impl AsRef<[u8]>) -> Self {
        fs::write(self.0.path().join(file), contents).unwrap();
        self
    }

    fn load(&self) -> Result<Model> {
        Model::load(Checkpoint::open(self.0.path())?)
    }

    fn error(&self) -> Error {
        self.load().err().unwrap()
    }

    #[track_caller]
    fn assert_says(&self, expected: &str) {
        let directory = self.0.path().display().to_string();
        assert_eq!(
            self.error().to_string().replace(&directory, "DIR"),
            expected
        );
    }
}

/// The embeddings of a text and of a picture.
fn vectors(model: &Model) -> Result<Vec<Vec<f32>>> {
    let values = (0..3 * 24 * 24).map(|number| (number as f32).sin());
    let pixels = Pixels::new(24, 24, values.collect()).unwrap();
    let mut vectors = model.embed_pixels(&[pixels])?;
    vectors.push(model.embed_text("two dogs in the snow")?);
    Ok(vectors)
}

#[test]
fn every_form_is_the_same_model() {
    let original = Checkpoint::open(Path::new("tests/fixtures/old-config")).unwrap();
    let original = Model::load(original).unwrap();
    let expected = vectors(&original).unwrap();
    for form in FORMS {
        let model = Copy::with_form(form).load().unwrap();
        assert_eq!(vectors(&model).unwrap(), expected, "{form}");
        assert_eq!(model.fingerprint(), original.fingerprint(), "{form}");
        let (found, expected) = (model.description(), original.description());
        assert_eq!(found.parameters, expected.parameters, "{form}");
    }
}

#[test]
fn safetensors_go_first() {
    let copy = Copy::with_form("sharded").with("pytorch_model.bin", "nonsense");
    copy.load().unwrap();
    let names = [
        "config.json",
        "pytorch_model.bin",
        "model.safetensors.index.json",
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        "tf_model.h5",
    ];
    let files = |names: &[&str]| Checkpoint::open(copy.0.path()).unwrap().weight_files(names);
    assert_eq!(files(&names).unwrap(), names[3..5]);
    assert_eq!(files(&names[..2]).unwrap(), names[1..2]);
    assert_eq!(Checkpoint::description_files(&names), [names[0], names[2]]);
    let error = files(&names[..4]).unwrap_err().to_string();
    assert!(error.contains(names[4]), "{error}");
}

#[test]
fn shards_that_cannot_be_had_are_named() {
    let copy = Copy::with_form("sharded");
    fs::remove_file(copy.0.path().join("model-00002-of-00002.safetensors")).unwrap();
    copy.assert_says("`model-00002-of-00002.safetensors` is missing from the model `DIR`");
    let list = r#"{"weight_map": {"logit_scale": "../model.safetensors"}}"#;
    let copy = Copy::without_weights().with("model.safetensors.index.json", list);
    copy.assert_says(
        "`weight_map` in `DIR/model.safetensors.index.json` is `../model.safetensors`, expected names of files in the same folder",
    );
}

#[test]
fn pointers_to_weights_are_no_weights() {
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 7\n";
    let copy = Copy::without_weights().with("model.safetensors", pointer);
    copy.assert_says("`DIR/model.safetensors` is a Git LFS pointer, not the weights");
    assert_eq!(
        copy.error().hint(),
        Some("run `git lfs pull` in the model's directory")
    );
}

#[track_caller]
fn case(contents: &[u8], expected: &PickleError) {
    let copy = Copy::without_weights().with("pytorch_model.bin", contents);
    copy.assert_says("`DIR/pytorch_model.bin` is not a readable PyTorch weights file");
    let cause = copy.error().source().unwrap().to_string();
    assert_eq!(cause, expected.to_string());
}

#[test]
fn files_that_hold_no_weights_are_refused() {
    case(b"", &PickleError::Format);
    case(b"nonsense", &PickleError::Format);
    case(b"PK\x03\x04", &PickleError::Archive);
    let program = fs::read("tests/fixtures/forms/program/pytorch_model.bin").unwrap();
    case(&program, &PickleError::TorchScript);
}

/// Some damage only changes numbers; none of it may do worse than an error.
#[test]
fn damaged_files_do_no_harm() {
    let mut random = 1_u64;
    let mut next = |limit: usize| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (random >> 33) as usize % limit
    };
    for form in ["zip", "sequence", "odd"] {
        let file = Path::new("tests/fixtures/forms").join(form);
        let whole = fs::read(file.join("pytorch_model.bin")).unwrap();
        let copy = Copy::without_weights();
        let mut refused = 0;
        for round in 0..300 {
            let mut bytes = whole.clone();
            if round % 3 == 0 {
                bytes.truncate(next(whole.len()));
            } else {
                // The location of the pickle and of the archive's directory.
                let start = [0, whole.len() - 8000][round % 2];
                for _ in 0..1 + next(4) {
                    bytes[start + next(8000)] = next(256) as u8;
                }
            }
            fs::write(copy.0.path().join("pytorch_model.bin"), bytes).unwrap();
            let outcome = copy.load().and_then(|model| vectors(&model));
            refused += usize::from(outcome.is_err());
        }
        assert!(refused >= 100, "{form}: {refused}");
    }
}
