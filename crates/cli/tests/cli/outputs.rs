//! What `--to` and `--report` write over, and what they do not.

use std::fs;

use crate::world::World;

#[test]
fn no_picture_is_written_over() {
    let world = World::with_pictures(&["two-perch.jpg", "stone-windmill.jpg"]);
    world.write(
        "elsewhere.jpg",
        fs::read(world.path("pictures/two-perch.jpg")).unwrap(),
    );
    fs::copy(
        world.path("pictures/two-perch.jpg"),
        world.path("pictures/fish.png"),
    )
    .unwrap();
    world.well(&["add", "pictures"]);
    for arguments in [
        &[
            "search",
            "fish",
            "--format",
            "json",
            "--to",
            "elsewhere.jpg",
        ][..],
        &["search", "fish", "--to", "pictures/fish.png"],
        &[
            "collection",
            "duplicates",
            "--format",
            "json",
            "--to",
            "elsewhere.jpg",
        ],
        &["add", "pictures", "--report", "elsewhere.jpg"],
    ] {
        let said = world.fails(arguments);
        assert!(said.contains("refusing to overwrite the picture"), "{said}");
    }
    let perch = fs::read(world.path("pictures/two-perch.jpg")).unwrap();
    for name in ["elsewhere.jpg", "pictures/fish.png"] {
        assert_eq!(fs::read(world.path(name)).unwrap(), perch, "{name}");
    }
}

#[test]
fn a_grid_takes_the_place_of_an_earlier_one() {
    let world = World::with_pictures(&["two-perch.jpg", "stone-windmill.jpg"]);
    world.well(&["search", "fish", "--to", "found.png"]);
    let before = fs::read(world.path("found.png")).unwrap();
    world.well(&["search", "a mill", "--to", "found.png"]);
    assert_ne!(fs::read(world.path("found.png")).unwrap(), before);
}

#[cfg(unix)]
#[test]
fn links_and_pipes_stay_what_they_are() {
    let world = World::with_pictures(&["two-perch.jpg", "stone-windmill.jpg"]);
    world.write("real.json", "before");
    std::os::unix::fs::symlink("real.json", world.path("link.json")).unwrap();
    world.well(&["search", "fish", "--to", "link.json"]);
    assert!(world.path("link.json").is_symlink());
    assert!(world.read("real.json").contains("two-perch.jpg"));

    let ran = world.well(&["search", "fish", "--format", "json", "--to", "/dev/stdout"]);
    assert_eq!(ran.stdout, world.read("real.json"));
    let pipe = world.path("pipe.parquet");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let said = world.fails(&["collection", "export", "--to", "pipe.parquet"]);
    assert!(said.contains("not a regular file"), "{said}");
    assert!(!pipe.metadata().unwrap().is_file());
}

/// Nothing was done yet that would be lost: not even the collection was looked for.
#[test]
fn a_folder_that_is_missing_is_noticed_first() {
    let world = World::new();
    for arguments in [
        &["search", "fish", "-c", "none", "--to", "nowhere/found.html"][..],
        &["search", "fish", "-c", "none", "--to", "nowhere/found.png"],
        &[
            "collection",
            "duplicates",
            "none",
            "--format",
            "json",
            "--to",
            "nowhere/found.json",
        ],
        &["embed", "nothing.csv", "--to", "nowhere/found.parquet"],
        &["add", "nothing.csv", "--report", "nowhere/found.json"],
    ] {
        let said = world.fails(arguments);
        assert!(said.contains("nowhere/found."), "{said}");
        assert!(!said.contains("none"), "{said}");
    }
}
