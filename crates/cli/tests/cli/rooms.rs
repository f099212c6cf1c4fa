//! The rooms of ARCHITECTURE.md: which crate may depend on which, what only the faces know, and who reads variables.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The crates by their folders, and the crates of this workspace that each may depend on. Tests may depend on more.
const ARROWS: &[(&str, &[&str])] = &[
    ("net", &[]),
    ("picture", &[]),
    ("hub", &["net"]),
    ("nn", &[]),
    ("clip", &["nn", "picture"]),
    ("train", &["clip", "nn", "picture"]),
    ("dataset", &["hub", "picture", "net"]),
    ("index", &["net"]),
    ("search", &["clip", "index", "picture"]),
    (
        "clipseek",
        &[
            "clip", "dataset", "hub", "index", "picture", "search", "net", "train",
        ],
    ),
    ("server", &["clipseek", "index", "search"]),
    (
        "cli",
        &[
            "clip", "clipseek", "dataset", "hub", "index", "picture", "search", "server", "net",
        ],
    ),
    ("hub-double", &[]),
];

/// Crates of others that only these of ours may depend on.
const FACES: &[(&str, &[&str])] = &[("clap", &["cli", "server"]), ("axum", &["cli", "server"])];

/// The file that reads variables. Everything below it takes settings.
const READER: &str = "crates/cli/src/environment.rs";

/// What reads the environment of the process, or what the system derives from it.
const READING: &[&str] = &[
    "env::var",
    "env::{var",
    "var_os(",
    "env::home_dir",
    "env::temp_dir",
    "env::set_var",
    "env::remove_var",
    "choose_base_strategy",
    "choose_app_strategy",
];

fn workspace() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().unwrap()
}

/// A crate of this workspace, as its manifest describes it.
struct Room {
    /// Those of this workspace, by their folders; without those for tests.
    within: Vec<String>,
    /// Those of others, by their names; without those for tests.
    foreign: Vec<String>,
}

/// The crates, by their folders.
fn rooms() -> BTreeMap<String, Room> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--offline", "--no-deps", "--format-version=1"])
        .current_dir(workspace())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let folder = |path: &str| {
        Path::new(path)
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned()
    };
    let room = |package: &Value| {
        let manifest = Path::new(package["manifest_path"].as_str().unwrap());
        let name = folder(manifest.parent().unwrap().to_str().unwrap());
        let (mut within, mut foreign) = (Vec::new(), Vec::new());
        for dependency in package["dependencies"].as_array().unwrap() {
            let is_for_tests = dependency["kind"] == "dev";
            match dependency["path"].as_str() {
                _ if is_for_tests => {}
                Some(path) => within.push(folder(path)),
                None => foreign.push(dependency["name"].as_str().unwrap().to_owned()),
            }
        }
        (name, Room { within, foreign })
    };
    packages.iter().map(room).collect()
}

#[test]
fn crates_depend_only_on_what_is_below_them() {
    let rooms = rooms();
    assert_eq!(rooms.len(), ARROWS.len());
    for (name, room) in rooms {
        let arrows = ARROWS.iter().find(|(from, _)| *from == name);
        let (_, below) = arrows.unwrap_or_else(|| panic!("`{name}` is missing in ARROWS"));
        for other in room.within {
            assert!(
                below.contains(&&*other),
                "`{name}` must not depend on `{other}`"
            );
        }
    }
}

#[test]
fn arguments_and_requests_are_for_the_faces() {
    let rooms = rooms();
    for (foreign, faces) in FACES {
        let depends = |room: &Room| room.foreign.iter().any(|it| it == foreign);
        let dependent = rooms.iter().filter(|(_, room)| depends(room));
        let dependent: Vec<&str> = dependent.map(|(name, _)| name.as_str()).collect();
        assert!(!dependent.is_empty(), "nobody depends on `{foreign}`");
        for name in dependent {
            assert!(
                faces.contains(&name),
                "`{name}` must not depend on `{foreign}`"
            );
        }
    }
}

#[test]
fn one_file_reads_the_environment() {
    let root = workspace();
    let mut files = Vec::new();
    for entry in fs::read_dir(root.join("crates")).unwrap() {
        collect(&entry.unwrap().path().join("src"), &mut files);
    }
    assert!(files.contains(&root.join(READER)));
    for file in files.iter().filter(|file| **file != root.join(READER)) {
        let text = fs::read_to_string(file).unwrap();
        for (number, line) in (1..).zip(text.lines()) {
            let is_comment = line.trim_start().starts_with("//");
            let found = READING.iter().find(|reading| line.contains(**reading));
            if let Some(found) = found.filter(|_| !is_comment) {
                let place = file.strip_prefix(&root).unwrap().display();
                panic!("{place}:{number}: `{found}` outside {READER}: take a setting instead");
            }
        }
    }
}

/// All files of Rust in a folder and those below it, if there is one.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
