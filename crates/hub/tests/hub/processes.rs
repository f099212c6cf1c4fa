//! Several processes with one cache. The other processes are this test's own program again.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use hub::{Hub, Progress, Revision};
use hub_double::{Server, Trouble};

use crate::world::{World, listing, settings, wait, weights};

const SIZE: usize = 2_000_000;

/// The program that pulls `files` into the world's cache.
pub(crate) fn command(world: &World, files: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([
            "--exact",
            "processes::a_pull_by_another_process",
            "--nocapture",
        ])
        .env("HUB_TEST_CACHE", world.cache())
        .env("HUB_TEST_ENDPOINT", world.double.endpoint())
        .env("HUB_TEST_FILES", files)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// What the other processes do; in the test's own process there is nothing to do.
#[test]
fn a_pull_by_another_process() {
    let (Some(cache), Ok(endpoint)) = (
        std::env::var_os("HUB_TEST_CACHE"),
        std::env::var("HUB_TEST_ENDPOINT"),
    ) else {
        return;
    };
    let files = std::env::var("HUB_TEST_FILES").unwrap();
    let files: Vec<&str> = files.split(',').collect();
    let hub = Hub::new(settings(PathBuf::from(cache), endpoint)).unwrap();
    let listing = listing(&hub, &Revision::main()).unwrap();
    let pulled = wait(hub.pull(&listing, &files, &|progress: Progress<'_>| {
        if let Progress::Waiting { .. } = progress {
            println!("{progress:?}");
        }
    }));
    match pulled {
        Ok(_) => println!("pulled"),
        Err(error) => println!("failed: {error}"),
    }
}

#[test]
fn two_processes_fetch_each_file_once() {
    let world = World::with_model(SIZE);
    let slowly = Trouble::Trickle(100_000, Duration::from_millis(10));
    world.double.trouble("GET", "/storage/", usize::MAX, slowly);
    let files = "config.json,1_Pooling/config.json,model.safetensors";
    let children: Vec<Child> = (0..3)
        .map(|_| command(&world, files).spawn().unwrap())
        .collect();
    let said: Vec<String> = children
        .into_iter()
        .map(|child| {
            let output = child.wait_with_output().unwrap();
            String::from_utf8(output.stdout).unwrap()
        })
        .collect();
    assert!(said.iter().all(|said| said.contains("pulled")), "{said:?}");
    assert!(
        said.iter().any(|said| said.contains("OtherProcess")),
        "{said:?}"
    );
    let requests = world.double.requests();
    let fetched = |part: &str, server| {
        let is_it = |request: &&hub_double::Request| {
            request.method == "GET" && request.server == server && request.path.contains(part)
        };
        requests.iter().filter(is_it).count()
    };
    assert_eq!(fetched("/storage/", Server::Storage), 1);
    assert_eq!(fetched("resolve-cache", Server::Hub), 2);
    let snapshot = world.pull().unwrap();
    assert_eq!(
        fs::read(snapshot.path("model.safetensors")).unwrap(),
        weights(SIZE)
    );
}

#[test]
#[cfg(unix)]
fn a_killed_process_leaves_a_part_that_the_next_takes_up() {
    let world = World::with_model(SIZE);
    world
        .double
        .trouble("GET", "/storage/", 1, Trouble::Stall(1_500_000));
    // `kill` is SIGKILL: the process can do nothing about it.
    let mut child = command(&world, "model.safetensors").spawn().unwrap();
    let start = Instant::now();
    while world
        .parts()
        .first()
        .and_then(|part| part.metadata().ok())
        .is_none_or(|part| part.len() < 1_500_000)
    {
        assert!(start.elapsed() < Duration::from_secs(20), "nothing arrived");
        thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!world.of_model("snapshots").exists());

    let (pulled, requests, _) = world.pull_weights();
    let snapshot = pulled.unwrap();
    let asked = requests
        .iter()
        .find(|request| request.server == Server::Storage)
        .unwrap();
    assert_eq!(asked.range_start(), Some(1_500_000));
    assert_eq!(
        fs::read(snapshot.path("model.safetensors")).unwrap(),
        weights(SIZE)
    );
}

#[test]
fn a_lock_that_another_holds_is_waited_for() {
    let world = World::with_model(1000);
    let snapshot = world.pull().unwrap();
    let blob = fs::canonicalize(snapshot.path("model.safetensors")).unwrap();
    let lock = format!("{}.lock", blob.file_name().unwrap().to_str().unwrap());
    let lock = world.cache().join(".locks/models--owner--name").join(lock);
    fs::remove_file(snapshot.path("model.safetensors")).unwrap();

    let held = fs::File::open(&lock).unwrap();
    held.lock().unwrap();
    let child = command(&world, "model.safetensors").spawn().unwrap();
    thread::sleep(Duration::from_millis(300));
    assert!(!snapshot.path("model.safetensors").exists());
    drop(held);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.contains("OtherProcess") && said.contains("pulled"),
        "{said}"
    );
    assert!(snapshot.path("model.safetensors").exists());
}
