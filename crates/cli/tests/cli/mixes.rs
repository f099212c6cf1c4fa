use std::fs;

use crate::world::{World, demo};

const PICTURES: &[&str] = &[
    "two-perch.jpg",
    "stone-windmill.jpg",
    "brick-windmill.jpg",
    "mountain-trail.jpg",
    "orange-hammer.jpg",
];

#[test]
fn json_says_how_a_mix_was_understood() {
    let world = World::with_pictures(PICTURES);
    fs::copy(demo().join("pictures/goldfish.jpg"), world.path("fish.jpg")).unwrap();
    let id = world
        .well(&["search", "a hammer", "-k", "1", "--format", "json"])
        .json()["hits"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let query = format!("2:in the \"deep\" sea + ./fish.jpg - like:{id} - \"./fish.jpg\"");
    let ran = world.well(&["search", &query, "--format", "json"]);
    assert_eq!(
        ran.json()["query"],
        serde_json::json!({"mix": [
            {"weight": 2.0, "text": "in the \"deep\" sea"},
            {"weight": 1.0, "image": "./fish.jpg"},
            {"weight": -1.0, "like": id},
            {"weight": -1.0, "text": "./fish.jpg"},
        ]})
    );
    assert_eq!(
        ran.stderr,
        format!(
            "searching for 2 × \"in the \"deep\" sea\" + picture ./fish.jpg - picture {id} \
             (orange-hammer.jpg) - \"./fish.jpg\"\n"
        )
    );
    let hits = ran.json()["hits"].as_array().unwrap().clone();
    assert_eq!(hits.len(), 4, "the hammer itself is left out");
}

#[test]
fn what_is_subtracted_moves_down() {
    let world = World::with_pictures(PICTURES);
    let locations = |query: &str| world.well(&["search", query, "--format", "paths"]).stdout;
    let rank = |locations: &str| locations.lines().position(|line| line.contains("windmill"));
    assert_eq!(rank(&locations("a landscape with a windmill")), Some(0));
    let without = locations("a landscape with a windmill - 2:a windmill");
    assert!(rank(&without).is_none_or(|rank| rank > 0), "{without}");
}

#[test]
fn pictures_and_words_are_added() {
    let world = World::with_pictures(PICTURES);
    let fish = demo().join("pictures/goldfish.jpg");
    let fish = fish.to_str().unwrap();
    let flags = world.well(&[
        "search", "a mill", "--image", fish, "--image", fish, "--format", "json",
    ]);
    let mix = format!("a mill + {fish} + {fish}");
    let mix = world.well(&["search", &mix, "--format", "json"]);
    assert_eq!(flags.json(), mix.json());
    assert_eq!(flags.json()["query"]["mix"].as_array().unwrap().len(), 3);
}

#[test]
fn words_without_operators_are_words_as_they_are() {
    let world = World::with_pictures(PICTURES);
    for (words, note) in [
        ("2:a fish", ""),
        ("a black-and-white C++ book", ""),
        ("\"a fish\"", ""),
        ("three-perch.jpg", "file `three-perch.jpg` does not exist"),
        ("a fish -snow", "`a fish - snow`"),
        ("pictures", "--folder pictures"),
        ("a fish -", "no term follows the operator"),
    ] {
        let ran = world.well(&["search", words, "--format", "json"]);
        assert_eq!(ran.json()["query"], serde_json::json!({"text": words}));
        let has_note = ran.stderr.contains("note: ");
        assert_eq!(has_note, !note.is_empty(), "{}", ran.stderr);
        assert!(ran.stderr.contains(note), "{}", ran.stderr);
    }
}

#[test]
fn a_path_without_a_file_is_no_words() {
    let world = World::with_pictures(PICTURES);
    for words in [
        "./missing.jpg",
        "pictures/missing.jpg",
        "a fish + ./missing.jpg",
        "/none/such",
    ] {
        let said = world.fails(&["search", words]);
        assert!(said.contains("` does not exist"), "{said}");
    }
    let said = world.fails(&["search", "./pictures"]);
    assert!(
        said.contains("`./pictures` is a folder, not a picture"),
        "{said}"
    );
    let said = world.fails(&["embed", "pictures/missing.jpg", "--model", "mini"]);
    assert!(
        said.contains("`pictures/missing.jpg` does not exist"),
        "{said}"
    );
    // In quotes a term is words.
    world.well(&["search", "\"./missing.jpg\" + fish"]);
    for arguments in [
        &["search", "-1:dog + cat"][..],
        &["search", "--", "-1:dog + cat"],
    ] {
        let said = world.fails(arguments);
        assert!(
            said.contains("above 0") && said.contains("cat - dog"),
            "{said}"
        );
    }
}

#[test]
fn another_model_is_refused_before_it_is_downloaded() {
    let world = World::with_pictures(PICTURES);
    for command in [&["search", "fish"][..], &["add", "pictures"]] {
        let said = world.fails(&[command, &["--model", "owner/other"]].concat());
        let expected = "the collection has model `mini`, not `owner/other`";
        assert!(said.contains(expected), "{said}");
        assert!(said.contains("use --model mini"), "{said}");
    }
}

#[test]
fn the_name_of_a_picture_file_is_that_picture() {
    let world = World::with_pictures(PICTURES);
    let picture = "pictures/two-perch.jpg";
    std::fs::copy(world.path(picture), world.path("fish")).unwrap();
    let given = |arguments: &[&str]| world.well(arguments);
    for name in [picture, "fish"] {
        let named = given(&["search", name, "--format", "json"]).json();
        assert_eq!(named["query"], serde_json::json!({"image": name}));
        let asked = given(&["search", "--image", name, "--format", "json"]).json();
        assert_eq!(named["hits"], asked["hits"]);
        let embedded = given(&["embed", name, "--model", "mini"]).stdout;
        let asked = given(&["embed", "--image", name, "--model", "mini"]).stdout;
        assert_eq!(embedded, asked);
    }
    std::fs::write(world.path("broken.jpg"), "no picture").unwrap();
    for command in [&["search", "broken.jpg"][..], &["embed", "broken.jpg"]] {
        let error = world.fails(command);
        assert!(error.contains("`broken.jpg`"), "{error}");
    }
}

#[test]
fn a_picture_of_the_collection_alone_is_no_words() {
    let world = World::with_pictures(PICTURES);
    let search = |arguments: &[&str]| {
        let format = ["--format", "json"];
        world
            .well(&[&["search"], arguments, &format].concat())
            .json()
    };
    let found = search(&["a fish", "-k", "1"]);
    let id = found["hits"][0]["id"].as_str().unwrap();
    let like = search(&[&format!("like:{id}")]);
    assert_eq!(like["hits"], search(&["--like", id])["hits"]);
    let error = world.fails(&["search", "like:nobody"]);
    assert!(error.contains("`nobody`"), "{error}");
}

#[test]
fn what_cannot_be_mixed_says_why() {
    let world = World::with_pictures(PICTURES);
    for (query, error) in [
        (
            "a fish - a fish",
            "error: the terms of the query cancel each other out: nothing is left to search for\n",
        ),
        (
            "a fish + 0:a mill",
            "error: invalid weight `0` of `a mill`: expected a number above 0, at most 1000\n",
        ),
        (
            "a fish + + a mill",
            "error: missing term next to ` + ` or ` - `\n",
        ),
    ] {
        let said = world.fails(&["search", query]);
        assert!(said.contains(error), "{said}");
    }
    let said = world.fails(&["search", "a fish + like:none"]);
    assert!(said.contains("no picture with id `none`"), "{said}");
}

#[test]
fn the_parts_of_a_mix_are_shown() {
    let world = World::with_pictures(PICTURES);
    let query = "2:a fish + pictures/two-perch.jpg - people";
    world.well(&["search", query, "--to", "found.html"]);
    let page = world.read("found.html");
    for part in [
        "2 × Words",
        " + Picture",
        " - Words",
        "“people”",
        "<figcaption>two-perch.jpg",
    ] {
        assert!(page.contains(part), "{part}");
    }
    world.well(&["search", query, "--to", "found.png"]);
    let error = world.fails(&[
        "search",
        query,
        "--to",
        "pictures/two-perch.jpg",
        "--format",
        "grid",
    ]);
    assert!(
        error.contains("refusing to overwrite the picture"),
        "{error}"
    );
}

#[test]
fn a_minus_without_a_blank_is_explained() {
    let world = World::with_pictures(PICTURES);
    let error = world.fails(&["search", "dog", "-snow", "-k", "2"]);
    assert!(
        error.contains("hint: clipseek search \"dog - snow\""),
        "{error}"
    );
    let error = world.fails(&["search", "dog", "--snow"]);
    assert!(error.contains("unexpected argument '--snow'"), "{error}");
}
