//! Steps beside PyTorch's, and runs that are interrupted.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use candle_core::{Device, Tensor};
use clip::{Checkpoint, Model, Pixels, Tower, Trainable};
use picture::Picture;
use train::{Batch, Error, Event, Example, Finished, Settings, Trainer, Vectors, train};

fn checkpoint(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../clip/tests/fixtures")
        .join(name)
}

fn load(path: &Path) -> Model {
    Model::load(Checkpoint::open(path).unwrap()).unwrap()
}

fn trainable(name: &str) -> Trainable {
    Trainable::new(load(&checkpoint(name))).unwrap()
}

/// What PyTorch computes: `tools/fixtures/train/make.py`.
fn expected(name: &str) -> HashMap<String, Tensor> {
    let file = format!("tests/fixtures/{name}.safetensors");
    candle_core::safetensors::load(file, &Device::Cpu).unwrap()
}

fn batch(expected: &HashMap<String, Tensor>) -> Batch {
    let pixels = &expected["pixels"];
    let (count, _, height, width) = pixels.dims4().unwrap();
    let pixels = (0..count).map(|at| {
        let values = pixels.get(at).unwrap().flatten_all().unwrap();
        Pixels::new(width, height, values.to_vec1().unwrap()).unwrap()
    });
    let ids = expected["ids"].to_vec2::<i64>().unwrap();
    let ids = ids
        .into_iter()
        .map(|row| row.into_iter().map(|id| id as u32).collect());
    Batch {
        pictures: Vectors::Trained(pixels.collect()),
        texts: Vectors::Trained(ids.collect()),
        keys: (0..count as u64).map(|pair| (pair, pair)).collect(),
    }
}

/// As `make.py` has them.
fn settings(micro_batch: usize) -> Settings {
    Settings {
        learning_rate: 1e-3,
        weight_decay: 0.1,
        clip_gradient: 1.0,
        micro_batch,
        ..Settings::default()
    }
}

/// Within a ten-thousandth of the tensor's greatest number.
#[track_caller]
fn assert_close(found: &Tensor, expected: &Tensor, floor: f32, what: &str) {
    let greatest = |tensor: &Tensor| {
        let greatest = tensor.abs().unwrap().max_all().unwrap();
        greatest.to_scalar::<f32>().unwrap()
    };
    let found = found.reshape(expected.shape()).unwrap();
    let off = greatest(&(found - expected).unwrap());
    let limit = 1e-4 * greatest(expected).max(floor);
    assert!(
        off <= limit,
        "{what} is off by {off:e}, expected at most {limit:e}"
    );
}

#[test]
fn losses_and_gradients_equal_pytorch() {
    for (name, model) in [("clip", "quick-gelu"), ("siglip", "siglip")] {
        let expected = expected(name);
        let losses = expected["losses"].to_vec1::<f32>().unwrap();
        let batch = batch(&expected);
        for micro_batch in [1, 4, 6] {
            let trainer = Trainer::new(trainable(model), settings(micro_batch)).unwrap();
            let (loss, gradients) = trainer.gradients(&batch).unwrap();
            let off = (loss - f64::from(losses[0])).abs() / f64::from(losses[0]);
            assert!(off < 1e-5, "{name}: loss {loss}, expected {}", losses[0]);
            let mut compared = 0;
            for (key, expected) in &expected {
                let Some(weight) = key.strip_prefix("gradient.") else {
                    continue;
                };
                let found = gradients
                    .get(weight)
                    .unwrap_or_else(|| panic!("{name}: none for {weight}"));
                // Gradients that are nothing but rounding are not compared to more than that.
                assert_close(found, expected, 1e-3, &format!("{name}: {weight}"));
                compared += 1;
            }
            assert_eq!(compared, gradients.len());
            assert!(compared > 80, "{compared}");
        }
    }
}

#[test]
fn steps_equal_pytorch() {
    for (name, model) in [("clip", "quick-gelu"), ("siglip", "siglip")] {
        let expected = expected(name);
        let losses = expected["losses"].to_vec1::<f32>().unwrap();
        let mut trainer = Trainer::new(trainable(model), settings(4)).unwrap();
        for wanted in losses {
            let step = trainer.step(&batch(&expected), 1e-3).unwrap();
            let off = (step.loss - f64::from(wanted)).abs() / f64::from(wanted);
            assert!(off < 1e-3, "{name}: loss {}, expected {wanted}", step.loss);
        }
    }
}

#[test]
fn equal_pictures_and_texts_are_no_negatives() {
    let expected = expected("clip");
    let trainer = Trainer::new(trainable("quick-gelu"), settings(6)).unwrap();
    let plain = batch(&expected);
    let of_keys = |change: fn(&mut Vec<(u64, u64)>)| {
        let mut batch = plain.clone();
        change(&mut batch.keys);
        trainer.gradients(&batch).unwrap().0
    };
    let loss = of_keys(|_| {});
    let less = of_keys(|keys| keys[1].1 = keys[0].1);
    assert!(less < loss - 1e-4, "{less} and {loss}");
    // None is left.
    let nothing = of_keys(|keys| keys.iter_mut().for_each(|key| key.0 = 7));
    assert!(nothing.abs() < 1e-12, "{nothing}");
}

/// A folder of small pictures, each with two captions.
struct World {
    folder: tempfile::TempDir,
    examples: Vec<Example>,
}

impl World {
    fn new(count: usize) -> World {
        let folder = tempfile::tempdir().unwrap();
        let examples = (0..count).map(|n| {
            let file = folder.path().join(format!("{n}.png"));
            let colour = [(n * 83 % 256) as u8, (n * 29 % 256) as u8, (n * 7) as u8];
            let pixels = (0..40 * 30).flat_map(|at| colour.map(|it| it ^ (at % 40) as u8));
            let picture = Picture::from_rgb(40, 30, pixels.collect()).unwrap();
            fs::write(&file, picture.to_png()).unwrap();
            let captions = vec![format!("a picture of {n} cats"), format!("dogs {n}")];
            Example { file, captions }
        });
        let examples = examples.collect();
        World { folder, examples }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn train(
        &self,
        to: &str,
        settings: &Settings,
        stop_at: Option<usize>,
    ) -> train::Result<Finished> {
        let stop = AtomicBool::new(false);
        train(
            trainable("quick-gelu"),
            &self.examples,
            settings,
            (&self.path(to), 1.0, false),
            &stop,
            |event| {
                if let Event::Step { number, .. } = event {
                    stop.store(Some(number) == stop_at, Ordering::Relaxed);
                }
            },
        )
    }
}

fn short() -> Settings {
    Settings {
        epochs: 3,
        batch: 4,
        micro_batch: 3,
        learning_rate: 1e-3,
        ..Settings::default()
    }
}

#[test]
fn an_interrupted_run_ends_with_the_same_weights() {
    let world = World::new(14);
    assert_eq!(
        world.train("whole", &short(), None).unwrap(),
        Finished::Whole
    );
    for stop_at in [1, 2, 5, 8] {
        assert_eq!(
            world.train("parts", &short(), Some(stop_at)).unwrap(),
            Finished::Stopped
        );
    }
    assert_eq!(
        world.train("parts", &short(), None).unwrap(),
        Finished::Whole
    );
    let weights = |name: &str| fs::read(world.path(name).join("model.safetensors")).unwrap();
    assert!(weights("whole") == weights("parts"));
    let steps = |name: &str| {
        let text = fs::read_to_string(world.path(name).join("metrics.jsonl")).unwrap();
        let step =
            |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["loss"].clone();
        text.lines().map(step).collect::<Vec<_>>()
    };
    assert_eq!(steps("whole").len(), 9);
    assert_eq!(steps("whole"), steps("parts"));
    // Another run isn't mixed with it.
    let other = Settings { seed: 1, ..short() };
    let error = world.train("parts", &other, None).unwrap_err();
    assert!(
        matches!(
            error,
            Error::OtherRun {
                what: "settings",
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn it_learns_what_it_sees() {
    let world = World::new(8);
    for lock in [None, Some(Tower::Vision), Some(Tower::Text)] {
        let settings = Settings {
            epochs: 40,
            batch: 8,
            learning_rate: 3e-3,
            lock,
            ..short()
        };
        let mut losses = Vec::new();
        let to = world.path(&format!("{lock:?}"));
        let tell = |event: Event<'_>| {
            if let Event::Step { step, .. } = event {
                losses.push(step.loss);
            }
        };
        let (model, stop) = (trainable("quick-gelu"), AtomicBool::new(false));
        train(
            model,
            &world.examples,
            &settings,
            (&to, 1.0, false),
            &stop,
            tell,
        )
        .unwrap();
        let (first, last) = (losses[0], losses[losses.len() - 1]);
        assert!(last < 0.6 * first, "{lock:?}: {first} to {last}");
        // What was saved is what was trained, and of a locked tower what it was.
        let (before, after) = (load(&checkpoint("quick-gelu")), load(&to));
        let text = |model: &Model| model.embed_text("a picture of 3 cats").unwrap();
        assert_eq!(text(&before) == text(&after), lock == Some(Tower::Text));
        assert_ne!(before.fingerprint(), after.fingerprint());
    }
}

#[test]
fn bad_input_is_refused() {
    let world = World::new(3);
    let run = |examples: &[Example], settings: &Settings| {
        let stop = AtomicBool::new(false);
        let to = world.path("refused");
        let run = (to.as_path(), 1.0, true);
        let refused = train(
            trainable("quick-gelu"),
            examples,
            settings,
            run,
            &stop,
            |_| {},
        );
        refused.unwrap_err().to_string()
    };
    let mut examples = world.examples.clone();
    assert_eq!(
        run(&examples[..1], &short()),
        "1 different pictures to train on, expected at least 2"
    );
    for example in &mut examples {
        example.captions = vec!["the same".to_owned(), "The same ".to_owned()];
    }
    assert_eq!(
        run(&examples, &short()),
        "1 different captions to train on, expected at least 2"
    );
    for example in &world.examples[1..] {
        fs::write(&example.file, "no picture").unwrap();
    }
    assert_eq!(
        run(&world.examples, &short()),
        "1 different readable pictures to train on, expected at least 2"
    );
    let world = World::new(6);
    let steep = Settings {
        learning_rate: 1.0,
        clip_gradient: 1e30,
        epochs: 400,
        ..short()
    };
    let to = world.path("steep");
    let stop = AtomicBool::new(false);
    let model = trainable("quick-gelu");
    match train(
        model,
        &world.examples,
        &steep,
        (&to, 1.0, false),
        &stop,
        |_| {},
    ) {
        Ok(_) => {}
        Err(error) => assert!(matches!(error, Error::Diverged { .. }), "{error}"),
    }
}

#[test]
fn models_without_leaves_are_refused() {
    for name in ["open-clip-resnet", "siglip2-naflex", "multilingual/bert"] {
        let error = Trainable::new(load(&checkpoint(name))).err().unwrap();
        assert!(matches!(error, clip::Error::NotTrainable { .. }), "{error}");
    }
}

#[test]
fn weights_are_mixed_with_those_before() {
    let expected = expected("clip");
    let mut trainer = Trainer::new(trainable("quick-gelu"), settings(6)).unwrap();
    trainer.step(&batch(&expected), 1e-2).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let save = |share: f64| {
        let to = folder.path().join(share.to_string());
        trainer.model().save(&to, share).unwrap();
        candle_core::safetensors::load(to.join("model.safetensors"), &Device::Cpu).unwrap()
    };
    let (before, half, after) = (save(0.0), save(0.5), save(1.0));
    let original = checkpoint("quick-gelu").join("model.safetensors");
    let original = candle_core::safetensors::load(original, &Device::Cpu).unwrap();
    for (name, half) in &half {
        assert_close(&before[name], &original[name], 0.0, name);
        let middle = ((&before[name] + &after[name]).unwrap() * 0.5).unwrap();
        assert_close(half, &middle, 0.0, name);
    }
    assert_eq!(half.len(), before.len());
}
