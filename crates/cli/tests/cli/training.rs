//! `clipseek train`.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use crate::hub_models::tiny;
use crate::world::{World, demo, until};

fn table() -> String {
    demo().join("captions.csv").to_str().unwrap().to_owned()
}

fn model() -> String {
    tiny().to_str().unwrap().to_owned()
}

/// A run of 100 steps, so that its state is written on the way.
fn arguments<'a>(table: &'a str, model: &'a str, to: &'a str) -> Vec<&'a str> {
    let words = "--epochs 5 --batch 4 --learning-rate 1e-3 --seed 3";
    let mut arguments = vec!["train", table, "--model", model, "--to", to];
    arguments.extend(words.split(' '));
    arguments
}

#[test]
fn a_model_learns_and_is_measured_before_and_after() {
    let world = World::new();
    let (table, model) = (table(), model());
    let mut train = arguments(&table, &model, "tuned");
    train.extend(["--validate", &table]);
    let ran = world.well(&train);
    assert!(
        ran.stderr.contains("trained 100 steps: loss "),
        "{}",
        ran.stderr
    );
    let row = ran
        .stdout
        .lines()
        .find(|line| line.starts_with("text to image"));
    let numbers = row
        .unwrap()
        .split_whitespace()
        .filter_map(|word| word.parse().ok());
    let numbers: Vec<f64> = numbers.collect();
    let [.., before, after] = numbers[..] else {
        panic!("{}", ran.stdout)
    };
    assert!(after > before + 10.0, "{}", ran.stdout);
    // The directory is a model.
    world.well(&["add", &table, "--model", "tuned", "--collection", "tuned"]);
    world.well(&["search", "a bird", "--collection", "tuned"]);
    // Weights halfway are another model than either end.
    let mut halfway = arguments(&table, &model, "halfway");
    halfway.extend(["--wise-ft", "0.5"]);
    world.well(&halfway);
    let weights = |folder: &str| fs::read(world.path(folder).join("model.safetensors")).unwrap();
    assert_ne!(weights("tuned"), weights("halfway"));
}

#[test]
fn a_killed_run_ends_with_the_weights_of_an_undisturbed_one() {
    let world = World::new();
    let (table, model) = (table(), model());
    world.well(&arguments(&table, &model, "whole"));
    let steps = || {
        let text = fs::read_to_string(world.path("killed/metrics.jsonl")).unwrap_or_default();
        text.lines().count()
    };
    for round in 0..10 {
        let mut command = world.command(&arguments(&table, &model, "killed"));
        let mut running = command.stderr(Stdio::null()).spawn().unwrap();
        // Before the first state, between states, and behind the last one.
        let wanted = [1, 20, 55, 70, 99][round % 5];
        until("it has got so far, or ended", || {
            steps() >= wanted || running.try_wait().unwrap().is_some()
        });
        running.kill().unwrap();
        running.wait().unwrap();
    }
    world.well(&arguments(&table, &model, "killed"));
    let weights = |folder: &str| fs::read(world.path(folder).join("model.safetensors")).unwrap();
    assert!(weights("whole") == weights("killed"));
    assert_eq!(steps(), 100);
}

#[test]
fn what_cannot_be_trained_is_said_before_any_work() {
    let world = World::new();
    let (table, model) = (table(), model());
    let refused = |arguments: &[&str]| world.fails(arguments);
    let said = refused(&["train", &table, "--model", "mini", "--to", "x"]);
    assert!(said.contains("mini models cannot be trained"), "{said}");
    let pictures: PathBuf = demo().join("pictures");
    let said = refused(&[
        "train",
        pictures.to_str().unwrap(),
        "--model",
        &model,
        "--to",
        "x",
    ]);
    assert!(said.contains("captions"), "{said}");
    let said = refused(&[
        "train", &table, "--model", &model, "--to", "x", "--batch", "1",
    ]);
    assert!(said.contains("batch is 1, expected 2 or more"), "{said}");
    let said = refused(&[
        "train",
        &table,
        "--model",
        &model,
        "--to",
        "x",
        "--wise-ft",
        "2",
    ]);
    assert!(
        said.contains("share of trained weights is 2, expected 0 to 1"),
        "{said}"
    );
    world.write("file", "");
    let said = refused(&["train", &table, "--model", &model, "--to", "file"]);
    assert!(said.contains("cannot use `file`"), "{said}");
    // A folder of pictures, and the model itself.
    fs::create_dir(world.path("photos")).unwrap();
    world.write("photos/a.txt", "mine");
    for occupied in ["photos", &model] {
        let said = refused(&["train", &table, "--model", &model, "--to", occupied]);
        assert!(
            said.contains("is not empty and holds no training run"),
            "{said}"
        );
    }
    // Another run's folder.
    world.well(&arguments(&table, &model, "run"));
    let mut other = arguments(&table, &model, "run");
    other.extend(["--weight-decay", "0.2"]);
    let said = refused(&other);
    assert!(said.contains("holds a run with other settings"), "{said}");
    assert!(said.contains("--restart"), "{said}");
}
