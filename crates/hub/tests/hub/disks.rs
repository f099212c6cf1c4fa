//! Full disks and read-only caches.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use hub::{Error, Revision};
use hub_double::Trouble;

use crate::world::{ID, World, listing, pull, weights};

const SIZE: usize = 300_000;

#[test]
fn what_will_not_fit_is_refused_before_it_is_fetched() {
    let world = World::new();
    let huge = 1 << 60;
    world.double.add(
        hub_double::Repository::model(ID)
            .large_file("model.safetensors", "small")
            .with_listed_size("model.safetensors", huge),
    );
    let (pulled, requests, _) = world.pull_weights();
    let error = pulled.unwrap_err();
    let Error::DiskFull { needed, free, .. } = error else {
        panic!("{error}");
    };
    assert_eq!(needed, huge as u64);
    assert!(free > 0 && free < needed);
    assert!(requests.is_empty());
    assert!(error.hint().unwrap().contains("HF_HUB_CACHE"));
}

/// The part is a link to a device that is always full.
#[test]
#[cfg(target_os = "linux")]
fn a_disk_that_gets_full_says_what_is_needed() {
    let world = World::with_model(SIZE);
    let hash = {
        let probe = World::with_model(SIZE);
        let snapshot = probe.pull().unwrap();
        fs::read_link(snapshot.path("model.safetensors")).unwrap()
    };
    let hash = hash.file_name().unwrap().to_str().unwrap().to_owned();
    let part = world.of_model("blobs").join(format!("{hash}.incomplete"));
    fs::create_dir_all(world.of_model("blobs")).unwrap();
    symlink("/dev/full", &part).unwrap();
    let error = world.pull().unwrap_err();
    assert!(
        matches!(
            error,
            Error::DiskFull {
                needed: 300_000,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(error.to_string().contains("300.0 kB needed"), "{error}");

    fs::remove_file(part).unwrap();
    world.pull().unwrap();
}

/// A small disk that another process fills once the first 20,000 bytes are on it. The rest arrives
/// afterwards.
const SMALL_DISK: &str = r#"
    mount -t tmpfs -o size=400k none "$1" || exit 77
    (
        while [ -z "$(find "$1" -name '*.incomplete' -size +19999c)" ] && [ ! -e "$1/../ended" ]; do sleep 0.01; done
        head -c 400000 /dev/zero > "$1/taken" 2> "$1/../said"
        : > "$1/../filled"
    ) &
    "$0" --exact processes::a_pull_by_another_process --ignored --nocapture
    : > "$1/../ended"
    wait
    rm "$1/taken"
    stat -c 'kept %s' "$1"/models--*/blobs/*.incomplete
    "$0" --exact processes::a_pull_by_another_process --ignored --nocapture
    cp -r "$1/." "$2"
"#;

/// Only if the system allows mounting a disk. The test above uses a full device instead.
#[test]
#[cfg(target_os = "linux")]
fn a_disk_that_gets_full_keeps_what_fitted_for_when_there_is_room() {
    let world = World::with_model(SIZE);
    let kept = World::new();
    for cache in [world.cache(), kept.cache()] {
        fs::create_dir(cache).unwrap();
    }
    let held = Trouble::Held(20_000, world.cache().with_file_name("filled"));
    world.double.trouble("GET", "/storage/", 1, held);
    let pull = crate::processes::command(&world, "model.safetensors");
    let variables = pull
        .get_envs()
        .filter_map(|(key, value)| Some((key, value?)));
    let output = Command::new("unshare")
        .args([
            "--user",
            "--map-root-user",
            "--mount",
            "sh",
            "-c",
            SMALL_DISK,
        ])
        .args([
            pull.get_program(),
            world.cache().as_os_str(),
            kept.cache().as_os_str(),
        ])
        .envs(variables)
        .output();
    let said = match output {
        Ok(output) if !output.stdout.is_empty() => String::from_utf8(output.stdout).unwrap(),
        _ => {
            eprintln!("no disk can be made here");
            return;
        }
    };
    assert!(said.contains("not enough space on the disk"), "{said}");
    let length = said
        .split_once("kept ")
        .unwrap()
        .1
        .split_whitespace()
        .next()
        .unwrap();
    let length: usize = length.parse().unwrap();
    assert!((20_000..SIZE).contains(&length), "{said}");
    assert!(said.contains("\npulled"), "{said}");
    let requests = world.double.requests();
    let last = requests.last().unwrap();
    assert_eq!(last.range_start(), Some(length), "{said}");
    let weights_there = kept
        .of_model("snapshots")
        .join(crate::world::model(SIZE).commit());
    assert_eq!(
        fs::read(weights_there.join("model.safetensors")).unwrap(),
        weights(SIZE)
    );
}

#[test]
fn a_cache_that_is_read_only_still_serves_and_says_so_when_it_lacks() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::with_model(SIZE);
    world.pull().unwrap();
    let other = Revision::new("v1").unwrap();
    world.double.add(
        crate::world::model(SIZE)
            .file("config.json", "new")
            .on_branch("v1"),
    );
    let forbid = |mode| {
        for folder in ["blobs", "snapshots", "refs", "."] {
            let permissions = fs::Permissions::from_mode(mode);
            fs::set_permissions(world.of_model(folder), permissions).unwrap();
        }
    };
    forbid(0o555);
    let is_allowed_all = fs::write(world.of_model("probe"), "").is_ok();
    let (here, lacking) = (world.pull(), pull(&world.hub(), &other));
    forbid(0o755);
    here.unwrap();
    // Root may write everywhere.
    if !is_allowed_all {
        let error = lacking.unwrap_err();
        assert!(matches!(error, Error::ReadOnly { .. }), "{error}");
        assert!(error.hint().unwrap().contains("HF_HUB_CACHE"));
    }
    listing(&world.hub(), &other).unwrap();
}

#[test]
fn a_pull_that_cannot_write_down_the_commit_says_so() {
    let world = World::with_model(SIZE);
    fs::create_dir_all(world.of_model("blobs")).unwrap();
    fs::write(world.of_model("refs"), "a file in the folder's place").unwrap();
    let error = world.pull().unwrap_err();
    assert!(matches!(error, Error::Cache { .. }), "{error}");
    assert!(error.to_string().contains("refs"), "{error}");
    fs::remove_file(world.of_model("refs")).unwrap();
    assert_eq!(world.pull().unwrap().files.len(), 3);
}
