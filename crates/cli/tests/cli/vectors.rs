use std::fs;

use crate::world::{World, demo};

fn vector(text: &str) -> Vec<f32> {
    serde_json::from_str(text).unwrap()
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[test]
fn words_and_pictures_have_vectors_that_compare() {
    let world = World::new();
    let words = |words: &str| vector(&world.well(&["embed", words, "--model", "mini"]).stdout);
    let (fish, hammer) = (words("two fish"), words("a hammer"));
    assert!((dot(&fish, &fish) - 1.0).abs() < 1e-5);
    let perch = demo().join("pictures/two-perch.jpg");
    let ran = world.well(&[
        "embed",
        "--image",
        perch.to_str().unwrap(),
        "--model",
        "mini",
    ]);
    let perch = vector(&ran.stdout);
    assert!(dot(&fish, &perch) > dot(&hammer, &perch));
}

#[test]
fn sources_and_collections_are_written_as_tables() {
    let world = World::with_pictures(&["two-perch.jpg", "orange-hammer.jpg"]);
    world.well(&["embed", "pictures", "--to", "a.parquet", "--model", "mini"]);
    world.well(&["collection", "export", "--to", "b.parquet"]);
    for name in ["a.parquet", "b.parquet"] {
        let bytes = fs::read(world.path(name)).unwrap();
        assert!(
            bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"),
            "{name}"
        );
    }
    world.well(&["embed", "pictures", "--to", "a.npy", "--model", "mini"]);
    world.well(&["collection", "export", "--to", "b.npy"]);
    let header = |name: &str| {
        let bytes = fs::read(world.path(name)).unwrap();
        String::from_utf8_lossy(&bytes[10..100]).into_owned()
    };
    for name in ["a.npy", "b.npy"] {
        assert!(header(name).contains("(2, "), "{name}: {}", header(name));
    }
    let lines = world.read("a.npy.jsonl");
    let names: Vec<bool> = lines
        .lines()
        .map(|line| line.contains("orange-hammer.jpg"))
        .collect();
    assert_eq!(names, [true, false], "in the order of the folder");
    let error = world.fails(&["embed", "pictures", "--to", "a.csv", "--model", "mini"]);
    assert!(error.contains("use .parquet, .npy or .jsonl"), "{error}");
}

#[test]
fn recall_is_measured_on_captions() {
    let world = World::new();
    let captions = demo().join("captions.csv");
    let arguments = [
        "eval",
        captions.to_str().unwrap(),
        "--model",
        "mini",
        "--format",
        "json",
    ];
    let report = world.well(&arguments).json();
    assert_eq!(report["pictures"], 82);
    let recall = |n: &str| report["text_to_image"][n].as_f64().unwrap();
    // By chance it would be 12.
    assert!(recall("at_10") > 60.0, "{report}");
    assert!(recall("at_1") <= recall("at_5") && recall("at_5") <= recall("at_10"));
    let error = world.fails(&[
        "eval",
        demo().join("pictures").to_str().unwrap(),
        "--model",
        "mini",
    ]);
    assert!(error.contains("no captions in `"), "{error}");
    world.write("urls.csv", "url,caption\nhttp://127.0.0.1:9/a.jpg,a dog\n");
    let error = world.fails(&["eval", "urls.csv", "--model", "mini"]);
    assert!(
        error.contains("the pictures of `urls.csv` are URLs"),
        "{error}"
    );
    assert!(error.contains("clipseek download urls.csv --to"), "{error}");
}

#[test]
fn what_is_read_is_not_written_over() {
    let world = World::new();
    let perch = demo().join("pictures/two-perch.jpg");
    let line = serde_json::json!({ "image": perch, "caption": "two fish" }).to_string();
    world.write("a.npy.jsonl", &line);
    let error = world.fails(&["embed", "a.npy.jsonl", "--to", "a.npy", "--model", "mini"]);
    assert!(
        error.contains("refusing to overwrite the input `a.npy.jsonl`"),
        "{error}"
    );
    assert_eq!(world.read("a.npy.jsonl"), line);
    fs::copy(&perch, world.path("query.png")).unwrap();
    world.well(&["add", "a.npy.jsonl", "--model", "mini"]);
    let error = world.fails(&["search", "--image", "query.png", "--to", "./query.png"]);
    assert!(
        error.contains("refusing to overwrite the picture"),
        "{error}"
    );
}
