use clip::{Instructions, Precision};
use serde_json::Value;

use crate::world::{Ran, World, demo};

#[test]
fn a_collection_remembers_its_precision() {
    let world = World::new();
    let pictures = demo().join("pictures");
    let pictures = pictures.to_str().unwrap();
    let in_bf16 = ["add", pictures, "--model", "mini", "--precision", "bf16"];
    world.well(&in_bf16);
    let info = world
        .well(&["collection", "info", "--format", "json"])
        .json();
    assert_eq!(info["model"]["precision"], "bf16");

    let again = world.well(&["add", pictures]);
    assert!(again.stderr.contains("unchanged 82"), "{}", again.stderr);
    let refused = world.fails(&["add", pictures, "--precision", "f32"]);
    let expected = "error: collection `default` was created with precision bf16, not with the given one\n\
                    hint: leave --precision out to use bf16, or choose another collection with --collection NAME\n";
    assert!(refused.ends_with(expected), "{refused}");

    let again = world.well(&["add", pictures, "--precision", "auto"]);
    assert!(again.stderr.contains("unchanged 82"), "{}", again.stderr);

    let own = world.well(&["search", "two fish", "--format", "json"]);
    assert!(!own.stderr.contains("bf16"), "{}", own.stderr);
    let other = [
        "search",
        "two fish",
        "--format",
        "json",
        "--precision",
        "f32",
    ];
    let other = world.well(&other);
    assert!(
        other
            .stderr
            .contains("embedded in bf16 and the query in f32"),
        "{}",
        other.stderr
    );
    let (own, other) = (own.json(), other.json());
    assert_eq!(own["hits"][0]["id"], other["hits"][0]["id"]);
}

#[test]
fn a_new_collection_is_in_f32_unless_auto_finds_bf16_quicker() {
    let world = World::new();
    let picture = demo().join("pictures/two-perch.jpg");
    let precision_of = |name, options: &[&str], instructions: Instructions| {
        let picture = [picture.to_str().unwrap()];
        let options = [&["add", "--model", "mini", "--collection", name], options].concat();
        let mut command = world.command(&[&options[..], &picture].concat());
        command.env("CLIPSEEK_INSTRUCTIONS", instructions.name());
        let added = Ran::of(command.output().unwrap());
        assert_eq!(added.code, 0, "{}", added.stderr);
        let info = ["collection", "info", name, "--format", "json"];
        world.well(&info).json()["model"]["precision"].clone()
    };
    let (best, auto) = (Instructions::best(), &["--precision", "auto"]);
    assert_eq!(precision_of("plain", &[], best), "f32");
    let quickest = Precision::quickest(best);
    assert_eq!(precision_of("quick", auto, best), quickest.name());
    assert_eq!(
        precision_of("portable", auto, Instructions::Portable),
        "f32"
    );
}

#[test]
fn vectors_of_fewer_bits_are_close() {
    let world = World::new();
    let vector = |precision: &str| -> Vec<f64> {
        let embedded = world.well(&[
            "embed",
            "a fish",
            "--model",
            "mini",
            "--precision",
            precision,
        ]);
        let vector = embedded.json();
        let vector = vector
            .as_array()
            .cloned()
            .unwrap_or_else(|| vector["vector"].as_array().unwrap().clone());
        vector.iter().filter_map(Value::as_f64).collect()
    };
    let exact = vector("f32");
    for (precision, least) in [("bf16", 0.9995), ("int8", 0.995)] {
        let rounded = vector(precision);
        let cosine: f64 = exact
            .iter()
            .zip(&rounded)
            .map(|(one, other)| one * other)
            .sum();
        assert!(cosine > least && exact != rounded, "{precision}: {cosine}");
    }
}
