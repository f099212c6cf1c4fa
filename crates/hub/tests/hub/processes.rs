//! Several processes with one cache. The other processes run this test program again.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use hub::{Hub, Progress, Revision};
use hub_double::{Server, Trouble};

use crate::world::{LONGEST_WAIT, World, listing, settings, wait, weights};

const SIZE: usize = 2_000_000;

/// The program that pulls `files` into the world's cache.
pub(crate) fn command(world: &World, files: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([
            "--exact",
            "processes::a_pull_by_another_process",
            "--ignored",
            "--nocapture",
        ])
        .env("HUB_TEST_CACHE", world.cache())
        .env("HUB_TEST_ENDPOINT", world.double.endpoint())
        .env("HUB_TEST_FILES", files)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// The work of the other processes.
#[test]
#[ignore = "the process that other tests start"]
fn a_pull_by_another_process() {
    let cache = std::env::var_os("HUB_TEST_CACHE").expect("another test starts it");
    let endpoint = std::env::var("HUB_TEST_ENDPOINT").unwrap();
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

/// The lines that the process prints, as they arrive.
fn lines(child: &mut Child) -> impl Iterator<Item = String> + use<> {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.map(Result::unwrap)
}

fn waits_for_another(line: &str) -> bool {
    line.contains("model.safetensors") && line.contains("OtherProcess")
}

#[test]
fn several_processes_fetch_each_file_once() {
    let world = World::with_model(SIZE);
    let go_on = world.cache().with_extension("go-on");
    let held = Trouble::Held(100_000, go_on.clone());
    world.double.trouble("GET", "/storage/", usize::MAX, held);
    let files = "config.json,1_Pooling/config.json,model.safetensors";
    let (sender, waits) = channel();
    let mut readers = Vec::new();
    for _ in 0..3 {
        let mut child = command(&world, files).spawn().unwrap();
        let sender = sender.clone();
        readers.push(thread::spawn(move || {
            let lines = lines(&mut child).inspect(|line| {
                if waits_for_another(line) {
                    sender.send(()).unwrap();
                }
            });
            let said: Vec<String> = lines.collect();
            child.wait().unwrap();
            said
        }));
    }
    // The two that don't download the weights wait for the one that does.
    let waited = [(); 2].map(|()| waits.recv_timeout(LONGEST_WAIT));
    fs::write(go_on, "").unwrap();
    let said = readers.into_iter().map(|reader| reader.join().unwrap());
    let said: Vec<Vec<String>> = said.collect();
    assert_eq!(waited, [Ok(()); 2], "{said:?}");
    let is_well = |said: &Vec<String>| said.iter().any(|line| line.contains("pulled"));
    assert!(said.iter().all(is_well), "{said:?}");
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
    // `kill` sends SIGKILL, which a process can't handle.
    let mut child = command(&world, "model.safetensors").spawn().unwrap();
    let start = Instant::now();
    while world
        .parts()
        .first()
        .and_then(|part| part.metadata().ok())
        .is_none_or(|part| part.len() < 1_500_000)
    {
        assert!(start.elapsed() < LONGEST_WAIT, "nothing arrived");
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
    let mut child = command(&world, "model.safetensors").spawn().unwrap();
    let mut lines = lines(&mut child);
    assert!(lines.any(|line| waits_for_another(&line)));
    assert!(!snapshot.path("model.safetensors").exists());
    drop(held);
    assert!(lines.any(|line| line.contains("pulled")));
    child.wait().unwrap();
    assert!(snapshot.path("model.safetensors").exists());
}
