use std::fs;

use crate::played_terminal::PlayedTerminal;
use crate::world::{World, demo};

#[test]
fn a_messy_folder_is_indexed_as_far_as_it_goes() {
    let world = World::new();
    fs::create_dir_all(world.path("photos/deep/er")).unwrap();
    let picture = demo().join("pictures/two-perch.jpg");
    // No ending, a wrong ending, a name with a blank and an emoji.
    for name in [
        "photos/perch",
        "photos/deep/perch.txt.png",
        "photos/deep/er/two 🐟.jpeg",
    ] {
        fs::copy(&picture, world.path(name)).unwrap();
    }
    world.write("photos/words.jpg", "this is no picture");
    world.write("photos/notes.txt", "nor is this");
    world.write("photos/._perch.jpg", "junk");
    let ran = world.run(&["add", "photos", "--model", "mini"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("added 3, failed 1"), "{}", ran.stderr);
    assert!(ran.stderr.contains("words.jpg"), "{}", ran.stderr);
    assert!(
        !ran.stderr.contains("notes.txt") && !ran.stderr.contains("._perch"),
        "{}",
        ran.stderr
    );
}

#[test]
fn captions_of_a_table_are_gathered_and_kept() {
    let world = World::with_pictures(&["two-perch.jpg", "stone-windmill.jpg"]);
    world.write(
        "captions.csv",
        "image,caption,year\n\
         pictures/two-perch.jpg,\"two \"\"perch\"\", 🐟 side by side\",2020\n\
         pictures/stone-windmill.jpg,a windmill,2021\n\
         pictures/two-perch.jpg,fish,2020\n\
         pictures/none.jpg,not there,2022\n",
    );
    let ran = world.run(&["add", "captions.csv"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("captions.csv:5:"), "{}", ran.stderr);
    assert!(ran.stderr.contains("updated 2"), "{}", ran.stderr);
    // The folder again: it knows no captions, and takes none away.
    assert!(
        world
            .well(&["add", "pictures"])
            .stderr
            .contains("unchanged 2")
    );
    let filter = r#"{"year": {"$lt": 2021}}"#;
    let found = world
        .well(&["search", "fish", "--filter", filter, "--format", "json"])
        .json();
    assert_eq!(found["hits"].as_array().unwrap().len(), 1);
    let captions = &found["hits"][0]["captions"];
    assert_eq!(
        *captions,
        serde_json::json!(["two \"perch\", 🐟 side by side", "fish"])
    );
}

#[test]
fn an_empty_folder_is_an_error_that_says_so() {
    let world = World::new();
    fs::create_dir(world.path("empty")).unwrap();
    let error = world.fails(&["add", "empty", "--model", "mini"]);
    assert_eq!(error, "error: no pictures in `empty`\n");
}

#[test]
fn collections_are_listed_described_and_deleted() {
    let world = World::with_pictures(&["two-perch.jpg", "stone-windmill.jpg"]);
    let list = world.well(&["collection", "list"]);
    assert_eq!(list.stdout, "default         2 pictures  mini\n");
    let info = world
        .well(&["collection", "info", "--format", "json"])
        .json();
    assert_eq!(
        (&info["pictures"], &info["model"]["reference"]),
        (&2.into(), &"mini".into())
    );
    let error = world.fails(&["collection", "delete", "default"]);
    assert!(error.contains("needs confirmation"), "{error}");
    let terminal = PlayedTerminal {
        typed: "n\n",
        ..PlayedTerminal::default()
    };
    let declined = terminal.run(world.command(&["collection", "delete", "default"]));
    assert_eq!(declined.code, Some(0));
    let text = declined.text();
    assert!(text.contains("kept default"), "{text}");
    assert!(!text.contains("error"), "{text}");
    assert_eq!(world.well(&["collection", "list"]).lines().len(), 1);
    world.well(&["collection", "delete", "default", "--yes"]);
    assert_eq!(world.well(&["collection", "list"]).stdout, "");
    assert!(world.path("pictures/two-perch.jpg").exists());
}
