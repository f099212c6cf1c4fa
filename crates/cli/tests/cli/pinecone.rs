//! The engine `pinecone`, with `clipseek serve` of another store in Pinecone's place.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::world::{LONGEST_SECONDS, Ran, World, demo};

/// A server of a store of its own, at a port of its own.
struct Pinecone {
    process: Child,
    address: String,
    _world: World,
}

impl Pinecone {
    fn start() -> Pinecone {
        let world = World::new();
        let mut process = world
            .command(&["serve", "--bind", "127.0.0.1:0"])
            .args(["--time-limit", LONGEST_SECONDS])
            .env("CLIPSEEK_API_KEYS", "the-key")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let stderr = process.stderr.take().unwrap();
        BufReader::new(stderr).read_line(&mut line).unwrap();
        let address = line
            .split_whitespace()
            .find(|word| word.starts_with("http://"));
        let address = address.unwrap().trim_end_matches([';', ',']).to_owned();
        Pinecone {
            process,
            address,
            _world: world,
        }
    }

    fn variables(&self, command: &mut Command) {
        command
            .env("PINECONE_CONTROLLER_HOST", &self.address)
            .env("PINECONE_API_KEY", "the-key");
    }

    fn run(&self, world: &World, arguments: &[&str]) -> Ran {
        let mut command = world.command(arguments);
        self.variables(&mut command);
        Ran::of(command.output().unwrap())
    }

    #[track_caller]
    fn well(&self, world: &World, arguments: &[&str]) -> Ran {
        let ran = self.run(world, arguments);
        assert_eq!(ran.code, 0, "{arguments:?}: {}{}", ran.stdout, ran.stderr);
        ran
    }

    #[track_caller]
    fn fails(&self, world: &World, arguments: &[&str]) -> String {
        let ran = self.run(world, arguments);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(!ran.stderr.contains("the-key"), "{}", ran.stderr);
        ran.stderr
    }
}

impl Drop for Pinecone {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The script of the documentation, on one of the engines, where the demo is.
#[cfg(unix)]
fn article(engine: &str, pinecone: &Pinecone) -> Ran {
    let world = World::new();
    let root = demo().join("..").canonicalize().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_clipseek")).parent().unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let with_program = world.command(&[]);
    let mut command = Command::new("sh");
    command
        .args(["docs/article.sh", engine])
        .current_dir(root)
        .env("PATH", format!("{}:{path}", program.display()));
    for (name, value) in with_program.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    pinecone.variables(&mut command);
    Ran::of(command.output().unwrap())
}

#[cfg(unix)]
#[test]
fn the_articles_steps_give_the_same_with_both_engines() {
    let pinecone = Pinecone::start();
    let (embedded, remote) = (
        article("embedded", &pinecone),
        article("pinecone", &pinecone),
    );
    assert_eq!(embedded.code, 0, "{}", embedded.stderr);
    assert_eq!(remote.code, 0, "{}", remote.stderr);
    assert_eq!(remote.stdout, embedded.stdout);
    let found = ["shrike-on-a-twig.jpg", "\"seen\": true"];
    for expected in found {
        assert!(embedded.stdout.contains(expected), "{}", embedded.stdout);
    }
}

#[test]
fn a_collection_may_have_its_vectors_elsewhere() {
    let (pinecone, world) = (Pinecone::start(), World::new());
    let pictures = ["two-perch.jpg", "orange-hammer.jpg", "astronaut.jpg"];
    world.copy_pictures(&pictures);
    let add = ["add", "pictures", "--model", "mini"];
    pinecone.well(&world, &[&add[..], &["--engine", "pinecone"]].concat());
    // Once it is there, it is known where.
    let again = pinecone.well(&world, &add);
    assert!(again.stderr.contains("unchanged 3"), "{}", again.stderr);
    let found = pinecone.well(
        &world,
        &["search", "a fish", "--format", "paths", "-k", "1"],
    );
    assert!(
        found.stdout.ends_with("two-perch.jpg\n"),
        "{}",
        found.stdout
    );
    let listed = pinecone
        .well(&world, &["index", "list", "--engine", "pinecone"])
        .json();
    assert_eq!(listed[0]["name"], "default");
    assert_eq!(world.well(&["index", "list"]).json(), json!([]));
    let checked = pinecone.well(&world, &["collection", "check"]);
    assert!(checked.stderr.contains("no faults"), "{}", checked.stderr);

    let error = pinecone.fails(&world, &[&add[..], &["--engine", "embedded"]].concat());
    assert!(
        error.contains("error: collection `default` is in engine `pinecone`, not in `embedded`"),
        "{error}"
    );
    let error = pinecone.fails(
        &world,
        &["index", "drop", "default", "--engine", "pinecone"],
    );
    assert!(error.contains("belongs to the collection"), "{error}");
    pinecone.well(&world, &["collection", "delete", "default", "--yes"]);
    let listed = pinecone.well(&world, &["index", "list", "--engine", "pinecone"]);
    assert_eq!(listed.json(), json!([]));
}

#[test]
fn vectors_that_others_deleted_are_missed_and_made_again() {
    let (pinecone, world) = (Pinecone::start(), World::new());
    world.copy_pictures(&["two-perch.jpg", "orange-hammer.jpg"]);
    let add = ["add", "pictures", "--model", "mini", "--engine", "pinecone"];
    pinecone.well(&world, &add);
    let list = ["index", "list", "--engine", "pinecone"];
    let drop = ["index", "drop", "default", "--engine", "pinecone"];
    pinecone.well(&World::new(), &drop);
    for command in [&["search", "a fish"][..], &["collection", "check"]] {
        let error = pinecone.fails(&world, command);
        let expected = "error: the vectors of collection `default` are gone";
        assert!(error.starts_with(expected), "{error}");
        assert_eq!(pinecone.well(&world, &list).json(), json!([]));
    }
    // Another index of its name is not the collection's.
    let create = ["index", "create", "default", "--engine", "pinecone"];
    for kind in [&["-d", "8"][..], &["-d", "256", "-m", "euclidean"]] {
        pinecone.well(&World::new(), &[&create[..], kind].concat());
        let check = ["collection", "check", "--repair"];
        for command in [&["search", "a fish"][..], &check, &add] {
            let error = pinecone.fails(&world, command);
            assert!(
                error.contains("does not belong to the collection"),
                "{error}"
            );
        }
        pinecone.well(&World::new(), &drop);
    }
    let repaired = pinecone.run(&world, &["collection", "check", "--repair"]);
    assert_eq!(repaired.code, 1);
    assert!(
        repaired
            .stderr
            .contains("add the sources again for the other 2"),
        "{}",
        repaired.stderr
    );
    let searched = pinecone.run(&world, &["search", "a fish"]);
    assert_eq!(searched.code, 1);
    assert!(
        searched.stderr.contains("have no embeddings"),
        "{}",
        searched.stderr
    );
    let again = pinecone.well(&world, &["collection", "check"]);
    assert!(!again.stderr.contains("no faults"), "{}", again.stderr);
    let added = pinecone.well(&world, &add);
    assert!(added.stderr.contains("updated 2"), "{}", added.stderr);
    let found = pinecone.well(&world, &["search", "a fish", "--format", "paths"]);
    assert_eq!(found.stdout.lines().count(), 2);
}

#[test]
fn what_stands_in_the_way_is_said() {
    let (pinecone, world) = (Pinecone::start(), World::new());
    let list = ["index", "list", "--engine", "pinecone"];
    let without_key = Ran::of(world.command(&list).output().unwrap());
    assert_eq!(without_key.code, 2);
    assert!(
        without_key
            .stderr
            .contains("PINECONE_API_KEY is missing or invalid"),
        "{}",
        without_key.stderr
    );
    let mut command = world.command(&list);
    pinecone.variables(&mut command);
    let refused = Ran::of(command.env("PINECONE_API_KEY", "another").output().unwrap());
    let expected = format!("error: `{}` rejected the API key\n", pinecone.address);
    assert!(refused.stderr.starts_with(&expected), "{}", refused.stderr);
    let mut command = world.command(&list);
    pinecone.variables(&mut command);
    let command = command.env("PINECONE_CONTROLLER_HOST", "ftp://elsewhere");
    let elsewhere = Ran::of(command.output().unwrap());
    assert!(
        elsewhere
            .stderr
            .contains("invalid server address `ftp://elsewhere`"),
        "{}",
        elsewhere.stderr
    );
    let mut command = world.command(&list);
    pinecone.variables(&mut command);
    let command = command.env("SSL_CERT_FILE", world.path("nowhere"));
    let untrusted = Ran::of(command.output().unwrap());
    for expected in ["no certificate found in", "hint: SSL_CERT_FILE"] {
        assert!(untrusted.stderr.contains(expected), "{}", untrusted.stderr);
    }
    let error = pinecone.fails(&world, &["index", "stats", "none", "--engine", "pinecone"]);
    assert!(
        error.starts_with("error: index `none` does not exist"),
        "{error}"
    );
    pinecone.well(
        &world,
        &["index", "create", "i", "-d", "2", "--engine", "pinecone"],
    );
    let query = [
        "index", "query", "i", "--vector", "[1]", "--engine", "pinecone",
    ];
    let error = pinecone.fails(&world, &query);
    assert!(
        error.starts_with("error: index `i` has dimension 2, the vector has 1"),
        "{error}"
    );
}
