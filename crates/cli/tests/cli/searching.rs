use std::fs;
use std::io::Read;
use std::process::Stdio;

use crate::world::{World, demo};

const PICTURES: &[&str] = &[
    "two-perch.jpg",
    "stone-windmill.jpg",
    "mountain-trail.jpg",
    "orange-hammer.jpg",
];

#[test]
fn words_find_their_picture() {
    let world = World::with_pictures(PICTURES);
    for (words, name) in [
        ("fish in the water", "two-perch.jpg"),
        ("a windmill", "stone-windmill.jpg"),
        ("hiking in the mountains", "mountain-trail.jpg"),
        ("a hammer", "orange-hammer.jpg"),
    ] {
        let ran = world.well(&["search", words, "--format", "paths", "-k", "1"]);
        assert!(
            ran.stdout.trim_end().ends_with(name),
            "{words}: {}",
            ran.stdout
        );
    }
}

#[test]
fn words_need_no_quotes() {
    let world = World::with_pictures(PICTURES);
    let quoted = world.well(&["search", "fish in the water", "--format", "json"]);
    let bare = world.well(&["search", "fish", "in", "the", "water", "--format", "json"]);
    assert_eq!(quoted.stdout, bare.stdout);
}

#[test]
fn every_format_has_the_same_hits() {
    let world = World::with_pictures(PICTURES);
    let search = |format: &str| world.well(&["search", "fish", "-k", "3", "--format", format]);
    let json = search("json").json();
    let hits = json["hits"].as_array().unwrap();
    assert_eq!(json["query"]["text"], "fish");
    assert_eq!(json["best"], hits[0]["similarity"]);
    let lines = search("jsonl");
    let from_lines: Vec<serde_json::Value> = lines
        .lines()
        .into_iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(&from_lines, hits);
    let paths = search("paths");
    let locations: Vec<&str> = hits
        .iter()
        .map(|hit| hit["path"].as_str().unwrap())
        .collect();
    assert_eq!(paths.lines(), locations);
    assert_eq!(
        search("paths0")
            .stdout
            .split_terminator('\0')
            .collect::<Vec<_>>(),
        locations
    );
    let table = search("table");
    assert_eq!(table.lines().len(), 1 + 3);
    assert!(!table.stdout.contains('\u{1b}'), "no colour in a pipe");
    for (line, hit) in table.lines()[1..].iter().zip(hits) {
        assert!(line.contains(hit["id"].as_str().unwrap()), "{line}");
    }
    let page = search("html").stdout;
    assert_eq!(page.matches("<li>").count(), 3);
}

#[test]
fn the_ending_of_a_file_says_its_format() {
    let world = World::with_pictures(PICTURES);
    world.well(&["search", "fish", "--to", "found.html"]);
    assert!(world.read("found.html").starts_with("<!DOCTYPE html>"));
    world.well(&["search", "fish", "--to", "found.png"]);
    let grid = fs::read(world.path("found.png")).unwrap();
    let grid = picture::Picture::decode(&grid, &picture::Limits::default()).unwrap();
    assert!(
        grid.width() > 1000,
        "{} pixels for a query and four hits",
        grid.width()
    );
    world.well(&["search", "fish", "--to", "found.json"]);
    assert!(world.read("found.json").starts_with('{'));
    let error = world.fails(&["search", "fish", "--to", "found.pdf"]);
    assert!(
        error.contains("unknown output format `found.pdf`"),
        "{error}"
    );
}

#[test]
fn a_picture_finds_others_and_not_itself() {
    let world = World::with_pictures(PICTURES);
    let inside = world.well(&[
        "search",
        "--image",
        "pictures/two-perch.jpg",
        "--format",
        "paths",
    ]);
    assert_eq!(inside.lines().len(), 3);
    assert!(!inside.stdout.contains("two-perch"), "{}", inside.stdout);
    let outside = demo().join("pictures/goldfish.jpg");
    let outside = world.well(&[
        "search",
        "--image",
        outside.to_str().unwrap(),
        "--format",
        "paths",
    ]);
    assert_eq!(outside.lines().len(), 4);
    assert!(
        outside.lines()[0].ends_with("two-perch.jpg"),
        "{}",
        outside.stdout
    );
}

#[test]
fn like_takes_the_id_that_a_search_shows() {
    let world = World::with_pictures(PICTURES);
    let best = world.well(&["search", "fish", "--format", "json"]).json()["hits"][0].clone();
    let ran = world.well(&[
        "search",
        "--like",
        best["id"].as_str().unwrap(),
        "--format",
        "paths",
    ]);
    assert_eq!(ran.lines().len(), 3);
    assert!(!ran.stdout.contains(best["path"].as_str().unwrap()));
}

#[test]
fn a_threshold_that_hides_everything_tells_the_best() {
    let world = World::with_pictures(PICTURES);
    let best = world.well(&["search", "fish", "--format", "json"]).json()["best"]
        .as_f64()
        .unwrap();
    let ran = world.run(&["search", "fish", "--threshold", "0.999"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""));
    assert_eq!(
        ran.stderr,
        format!(
            "searched collection default\nnothing reaches a similarity of 0.999; the best is {best:.3}\n"
        )
    );
}

#[test]
fn a_filter_that_nothing_matches_says_so() {
    let world = World::with_pictures(PICTURES);
    let ran = world.run(&[
        "search",
        "fish",
        "--filter",
        r#"{"year": 1999}"#,
        "--format",
        "json",
    ]);
    assert_eq!(
        (ran.code, ran.stderr.as_str()),
        (1, "no picture matches --filter\n")
    );
    assert_eq!(ran.json()["hits"], serde_json::json!([]));
}

#[test]
fn pictures_that_are_gone_are_left_out_and_counted() {
    let world = World::with_pictures(PICTURES);
    let search = |more: &[&str]| {
        let command = ["search", "fish", "-k", "1", "--format", "json"];
        world.run(&[&command, more].concat())
    };
    let ranked = world.well(&["search", "fish", "--format", "json"]).json();
    let location = |n: usize| ranked["hits"][n]["path"].as_str().unwrap();
    fs::remove_file(location(0)).unwrap();
    for fields in [&[][..], &["--in", "both"]] {
        let ran = search(fields);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let found = ran.json();
        assert_eq!(found["gone"], 1, "{found}");
        assert_ne!(found["hits"][0]["path"], location(0));
        let note = "left out 1 picture whose file is gone";
        assert!(ran.stderr.contains(note), "{}", ran.stderr);
    }
    let next = search(&[]).json();
    assert_eq!(next["hits"][0]["path"], location(1));
    fs::remove_dir_all(world.path("pictures")).unwrap();
    let ran = search(&[]);
    assert_eq!(ran.code, 1);
    let said = format!(
        "the files of all {} matching pictures are missing (collection default)",
        PICTURES.len()
    );
    assert!(ran.stderr.contains(&said), "{}", ran.stderr);
    // A threshold that the gone pictures reach does not make it say that none is similar enough.
    let ran = search(&["--threshold", "0"]);
    assert!(ran.stderr.contains("are missing"), "{}", ran.stderr);
}

#[test]
fn an_answer_names_the_collection_that_nobody_named() {
    let world = World::with_pictures(PICTURES);
    let said = "searched collection default";
    let ran = world.well(&["search", "fish"]);
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
    let ran = world.well(&["search", "fish", "--collection", "default"]);
    assert!(!ran.stderr.contains(said), "{}", ran.stderr);
}

#[test]
fn pictures_that_are_damaged_are_shown_as_such() {
    let world = World::with_pictures(PICTURES);
    fs::write(world.path("pictures/two-perch.jpg"), "no picture").unwrap();
    world.well(&["search", "fish", "--to", "found.html"]);
    assert!(
        world
            .read("found.html")
            .contains("file can no longer be read")
    );
    world.well(&["search", "fish", "--to", "found.png"]);
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let world = World::with_pictures(PICTURES);
    let mut child = world
        .command(&["search", "fish", "--format", "html"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert_eq!(
        (child.wait().unwrap().code(), said.as_str()),
        (Some(0), "searched collection default\n")
    );
}

#[test]
fn pictures_are_classified() {
    let world = World::new();
    let perch = demo().join("pictures/two-perch.jpg");
    let arguments = [
        "classify",
        perch.to_str().unwrap(),
        "--labels",
        "fish,windmill,hammer",
        "--model",
        "mini",
        "--format",
        "json",
    ];
    let classified = world.well(&arguments).json();
    let labels = classified[0]["labels"].as_array().unwrap();
    assert_eq!(labels[0]["label"], "fish");
    let sum: f64 = labels
        .iter()
        .map(|label| label["probability"].as_f64().unwrap())
        .sum();
    assert!((sum - 1.0).abs() < 1e-5, "{sum}");
}

#[test]
fn labels_and_templates_come_from_files() {
    let world = World::new();
    let perch = demo().join("pictures/two-perch.jpg");
    let (labels, templates) = (world.path("labels.txt"), world.path("templates.txt"));
    std::fs::write(&labels, "\u{feff}fish\r\n\nwindmill, old\n").unwrap();
    std::fs::write(&templates, "# two\na photo of a {}\na drawing of a {}\n").unwrap();
    let classify = |more: &[&str]| {
        let mut arguments = vec!["classify", perch.to_str().unwrap(), "--model", "mini"];
        arguments.extend([
            "--format",
            "json",
            "--labels-file",
            labels.to_str().unwrap(),
        ]);
        arguments.extend(more);
        world.well(&arguments).json()
    };
    let both = classify(&["--templates", templates.to_str().unwrap()]);
    let names: Vec<_> = both[0]["labels"]
        .as_array()
        .unwrap()
        .iter()
        .map(|label| &label["label"])
        .collect();
    assert_eq!(names, ["fish", "windmill, old"]);
    let one_by_one = classify(&[
        "--template",
        "a photo of a {}",
        "--template",
        "a drawing of a {}",
    ]);
    assert_eq!(both, one_by_one);
    assert_ne!(both, classify(&[]));

    std::fs::write(&templates, "a photo\n").unwrap();
    let arguments = [
        "classify",
        perch.to_str().unwrap(),
        "--labels",
        "fish",
        "--templates",
        templates.to_str().unwrap(),
    ];
    let error = world.fails(&arguments);
    let cause =
        "templates.txt`\n  caused by: template `a photo` has no placeholder for the label\n";
    assert!(error.contains(cause), "{error}");
}

/// A JPEG file with a title and a description in XMP.
fn titled(jpeg: &[u8], title: &str, description: &str) -> Vec<u8> {
    let text = |tag: &str, text: &str| {
        format!(
            "<dc:{tag}><rdf:Alt><rdf:li xml:lang=\"x-default\">{text}</rdf:li></rdf:Alt></dc:{tag}>"
        )
    };
    let xmp = format!(
        "http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF \
         xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\"><rdf:Description rdf:about=\"\" \
         xmlns:dc=\"http://purl.org/dc/elements/1.1/\">{}{}</rdf:Description></rdf:RDF></x:xmpmeta>",
        text("title", title),
        text("description", description)
    );
    let length = (xmp.len() as u16 + 2).to_be_bytes();
    [
        &jpeg[..2],
        &[0xFF, 0xE1],
        &length,
        xmp.as_bytes(),
        &jpeg[2..],
    ]
    .concat()
}

#[test]
fn hits_show_what_tells_them_apart_and_what_matched() {
    let world = World::with_pictures(&["two-perch.jpg"]);
    let jpeg = fs::read(world.path("pictures/two-perch.jpg")).unwrap();
    for folder in ["a", "b"] {
        fs::create_dir(world.path("pictures").join(folder)).unwrap();
        let file = titled(&jpeg, &format!("Outing {folder}"), "A wombat by a lake");
        world.write(&format!("pictures/{folder}/1.jpg"), file);
    }
    world.well(&["add", "pictures"]);
    let found = world.well(&["search", "--keywords", "wombat"]);
    let lines = found.lines();
    assert!(lines[0].starts_with("rank  picture"), "{}", found.stdout);
    for line in &lines[1..] {
        assert!(line.contains("A wombat by a lake"), "{line}");
    }
    assert!(found.stdout.contains("…/a/1.jpg") && found.stdout.contains("…/b/1.jpg"));
    world.well(&[
        "search",
        "fish",
        "--in",
        "images,keywords",
        "--to",
        "found.html",
    ]);
    let page = world.read("found.html");
    assert!(page.contains(">pictures/a/1.jpg<"), "{page}");
    let both = [
        "search",
        "fish",
        "--keywords",
        "wombat",
        "--to",
        "both.html",
    ];
    world.well(&both);
    assert!(world.read("both.html").contains("Similarity "));
}

#[test]
fn what_nothing_matches_is_named() {
    let world = World::with_pictures(PICTURES);
    fs::create_dir(world.path("-empty")).unwrap();
    let search = ["search", "fish", "--folder", "-empty"];
    let ran = world.run(&search);
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr.ends_with("no picture matches --folder\n"),
        "{}",
        ran.stderr
    );
    let dates = ["--taken-after", "2021-03", "--taken-before", "2019"];
    let said = world.fails(&[&["search", "fish"][..], &dates].concat());
    let expected = "--taken-after 2021-03 is later than --taken-before 2019\n";
    assert!(said.contains(expected), "{said}");
    let said = world.fails(&["search", "--keywords", "🐶"]);
    assert!(
        said.contains("keywords consist of letters and digits"),
        "{said}"
    );
}

#[test]
fn a_file_of_another_form_than_its_name_says_is_told() {
    let world = World::with_pictures(PICTURES);
    let to_page = ["search", "fish", "--limit", "1", "--to", "found.html"];
    let ran = world.well(&[&to_page[..], &["--format", "json"]].concat());
    let note = "note: writing found.html as json, as --format says";
    assert!(ran.stderr.contains(note), "{}", ran.stderr);
    assert!(!world.well(&to_page).stderr.contains("note: "));
}

#[cfg(unix)]
#[test]
fn names_with_line_breaks_lead_to_paths0() {
    let world = World::with_pictures(&["two-perch.jpg"]);
    let paths = ["search", "fish", "--format", "paths"];
    assert!(!world.well(&paths).stderr.contains("paths0"));
    let name = world.path("pictures/two\nperch.jpg");
    fs::rename(world.path("pictures/two-perch.jpg"), name).unwrap();
    world.well(&["add", "pictures"]);
    assert!(world.well(&paths).stderr.contains("--format paths0"));
}

#[test]
fn every_command_takes_the_collection_as_an_option() {
    let world = World::with_pictures(PICTURES);
    world.well(&["add", "pictures", "-c", "other", "--model", "mini"]);
    for command in ["info", "check", "duplicates"] {
        let ran = world.run(&["collection", command, "-c", "other"]);
        assert!(ran.code < 2, "{command}: {}", ran.stderr);
        world.fails(&["collection", command, "-c", "none"]);
        let said = world.fails(&["collection", command, "-c", "none", "other"]);
        assert!(said.contains("given twice"), "{said}");
    }
    let export = ["collection", "export", "-c", "other", "--to", "other.npy"];
    let ran = world.well(&export);
    let said = format!(
        "wrote {} rows (one per picture) to other.npy",
        PICTURES.len()
    );
    assert!(ran.stderr.contains(&said), "{}", ran.stderr);
    // A variable gives way to what is named.
    let info = world
        .command(&["collection", "info", "other"])
        .env("CLIPSEEK_COLLECTION", "none")
        .output()
        .unwrap();
    assert!(info.status.success());
}

#[test]
fn what_is_no_store_and_no_download_says_so() {
    let world = World::new();
    world.write("file", "");
    for command in [&["collection", "list"][..], &["add", "."]] {
        let said = world.fails(&[command, &["--store", "file"]].concat());
        assert!(
            said.contains("the store `file` is a file, not a folder"),
            "{said}"
        );
    }
    let said = world.fails(&["search", "--snow"]);
    assert!(!said.contains("--store"), "{said}");
    let ran = world.well(&["model", "pull", "mini"]);
    assert!(ran.stderr.contains("mini is bundled"), "{}", ran.stderr);
}
