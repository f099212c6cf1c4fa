//! Pictures that are there several times.

use std::fs;
use std::time::{Duration, SystemTime};

use crate::world::{World, demo};

/// Three pictures, a copy of the first, and the second once more, smaller and compressed.
fn world() -> World {
    let world = World::new();
    let pictures = ["two-perch.jpg", "ginger-cat.jpg", "orange-hammer.jpg"];
    for folder in ["pictures", "pictures/more"] {
        fs::create_dir(world.path(folder)).unwrap();
    }
    for name in pictures {
        fs::copy(
            demo().join("pictures").join(name),
            world.path("pictures").join(name),
        )
        .unwrap();
    }
    fs::copy(
        world.path("pictures/two-perch.jpg"),
        world.path("pictures/more/perch again.jpg"),
    )
    .unwrap();
    // Clocks of file systems are coarse: the copy is certainly the younger one.
    let original = fs::File::options()
        .write(true)
        .open(world.path("pictures/two-perch.jpg"));
    let an_hour_ago = SystemTime::now() - Duration::from_secs(3600);
    original.unwrap().set_modified(an_hour_ago).unwrap();
    let cat = world.path("pictures/ginger-cat.jpg");
    let cat = picture::Picture::open(&cat, &picture::Limits::default()).unwrap();
    let (width, height) = (cat.width() / 2, cat.height() / 2);
    world.write(
        "pictures/more/cat.jpg",
        cat.thumbnail(width, height).to_jpeg(60),
    );
    world.well(&["add", "pictures", "--model", "mini"]);
    world
}

const DUPLICATES: [&str; 2] = ["collection", "duplicates"];

fn with(options: &[&'static str]) -> Vec<&'static str> {
    [&DUPLICATES, options].concat()
}

#[test]
fn copies_and_resized_pictures_are_found_and_nothing_else() {
    let world = world();
    let json = world.well(&with(&["--format", "json"])).json();
    assert_eq!(json["collection"], "default");
    assert_eq!(
        (&json["pictures"], &json["duplicates"]),
        (&5.into(), &2.into())
    );
    let groups = json["groups"].as_array().unwrap();
    let mut bytes = 0;
    let mut found: Vec<(String, String, bool)> = Vec::new();
    for group in groups {
        let others = group["duplicates"].as_array().unwrap();
        assert_eq!(others.len(), 1);
        let name = |file: &serde_json::Value| {
            let location = file["path"].as_str().unwrap().to_owned();
            location.rsplit('/').next().unwrap().to_owned()
        };
        bytes += others[0]["bytes"].as_u64().unwrap();
        let size = fs::metadata(others[0]["path"].as_str().unwrap())
            .unwrap()
            .len();
        assert_eq!(others[0]["bytes"], size);
        let is_copy = others[0]["is_copy"].as_bool().unwrap();
        found.push((name(&group["keep"]), name(&others[0]), is_copy));
    }
    found.sort();
    assert_eq!(
        (found[0].0.as_str(), found[0].1.as_str()),
        ("ginger-cat.jpg", "cat.jpg")
    );
    assert!(!found[0].2 && found[1].2);
    assert_eq!(found[1].0, "two-perch.jpg");
    assert_eq!(json["bytes"], bytes);
    assert!(groups[0]["bytes"].as_u64() >= groups[1]["bytes"].as_u64());
    let lines = world.well(&with(&["--format", "jsonl"]));
    let lines: Vec<serde_json::Value> = lines
        .lines()
        .into_iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(&lines, groups);
}

#[test]
fn paths_are_those_that_can_be_deleted() {
    let world = world();
    let copies = world.well(&with(&["--format", "paths0"]));
    assert!(copies.stdout.ends_with("/more/perch again.jpg\0"));
    assert_eq!(copies.stdout.split_terminator('\0').count(), 1);
    let told = "1 near-duplicate not listed; to list them too: --near";
    assert!(copies.stderr.contains(told), "{}", copies.stderr);
    let paths = world.well(&with(&["--format", "paths0", "--near"])).stdout;
    let paths: Vec<&str> = paths.split_terminator('\0').collect();
    assert_eq!(paths.len(), 2);
    for path in paths {
        assert!(path.contains("/more/"), "{path}");
        fs::remove_file(path).unwrap();
    }
    for name in ["two-perch.jpg", "ginger-cat.jpg", "orange-hammer.jpg"] {
        assert!(world.path("pictures").join(name).exists());
    }
    let ran = world.run(&with(&["--format", "paths"]));
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""));
    assert!(
        ran.stderr.contains("left out 2 pictures ("),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.contains("no duplicates among 3 pictures"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_table_tells_the_sum_and_a_page_shows_the_pictures() {
    let world = world();
    let table = world.well(&DUPLICATES).stdout;
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 7, "{table}");
    assert!(lines[0].starts_with("keep  "), "{table}");
    assert!(table.contains("\ncopy  "), "{table}");
    assert!(
        lines[6].starts_with("2 groups: 2 of 5 pictures can be deleted, "),
        "{table}"
    );
    world.well(&with(&["--to", "found.html"]));
    let page = world.read("found.html");
    assert_eq!(page.matches("<section").count(), 2);
    assert_eq!(
        page.matches("<img src=\"data:image/jpeg;base64,").count(),
        4
    );
    assert!(page.contains("perch%20again.jpg"));
}

#[test]
fn a_narrower_question_has_a_narrower_answer() {
    let world = world();
    let count = |options: &[&'static str]| {
        let ran = world.run(&[with(options), vec!["--format", "json"]].concat());
        (
            ran.code,
            ran.json()["pictures"].clone(),
            ran.json()["duplicates"].clone(),
        )
    };
    assert_eq!(
        count(&["--folder", "pictures/more"]),
        (1, 2.into(), 0.into())
    );
    assert_eq!(count(&["--folder", "pictures"]), (0, 5.into(), 2.into()));
    assert_eq!(
        count(&["--filter", r#"{"nothing": 1}"#]),
        (1, 0.into(), 0.into())
    );
    assert_eq!(count(&["--threshold", "1"]), (0, 5.into(), 1.into()));
}

#[test]
fn a_threshold_has_to_be_a_cosine_above_nothing() {
    let world = World::with_pictures(&["two-perch.jpg"]);
    for threshold in ["0", "-0.5", "95", "much"] {
        let said = world.fails(&with(&["--threshold", threshold]));
        assert!(said.contains("expected"), "{threshold}: {said}");
    }
    let said = world.fails(&with(&["--to", "found.png"]));
    assert!(said.contains("unknown output format"), "{said}");
    assert_eq!(world.run(&DUPLICATES).code, 1);
}
