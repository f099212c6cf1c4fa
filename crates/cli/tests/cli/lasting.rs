//! A collection that is added to again and again, watched, interrupted and killed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OpenFlags};

use crate::hub_models::tiny;
use crate::world::{Ran, World, demo, until};

pub(crate) fn signal(child: &Child, name: &str) {
    let pid = child.id().to_string();
    let sent = Command::new("kill").args([name, &pid]).status().unwrap();
    assert!(sent.success());
}

fn copy(world: &World, name: &str, to: &str) {
    fs::copy(demo().join("pictures").join(name), world.path(to)).unwrap();
}

#[test]
fn a_report_names_what_failed_and_why() {
    let world = World::with_pictures(&["two-perch.jpg"]);
    world.write("pictures/words.jpg", "this is no picture");
    world.write("pictures/nothing.png", "");
    let jpeg = fs::read(demo().join("pictures/stone-windmill.jpg")).unwrap();
    world.write("pictures/half.jpg", &jpeg[..jpeg.len() / 2]);
    let ran = world.run(&["add", "pictures", "--report", "report.json"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr.contains("unchanged 1, failed 3"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("  truncated: 1"), "{}", ran.stderr);
    let report: serde_json::Value = serde_json::from_str(&world.read("report.json")).unwrap();
    let reasons: BTreeSet<&str> = report["failed"]
        .as_array()
        .unwrap()
        .iter()
        .map(|failure| failure["reason"].as_str().unwrap())
        .collect();
    assert_eq!(reasons, ["empty", "not a picture", "truncated"].into());
    assert_eq!(report["unchanged"], 1);
}

/// AVIF and JPEG XL are decoded in processes apart, which a damaged one may end.
#[test]
fn a_file_that_ends_its_decoder_is_a_line_in_the_report() {
    let world = World::with_pictures(&["two-perch.jpg"]);
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/../picture/tests/fixtures");
    let read = |name: &str| fs::read(format!("{fixtures}/{name}")).unwrap();
    for name in [
        "444.avif",
        "grid.avif",
        "alpha.avif",
        "lossless.jxl",
        "boxes.jxl",
    ] {
        world.write(
            &format!("pictures/{name}"),
            read(&format!("formats/{name}")),
        );
    }
    for number in 0..5 {
        let mut panics = read("hostile/panics.avif");
        panics.push(number);
        world.write(&format!("pictures/panics-{number}.avif"), panics);
    }
    let ran = world.run(&["add", "pictures", "--report", "report.json"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("added 5"), "{}", ran.stderr);
    assert!(ran.stderr.contains("  damaged: 5"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
}

#[test]
fn deleted_pictures_are_not_found_and_can_be_forgotten() {
    let world = World::with_pictures(&["two-perch.jpg", "stone-windmill.jpg"]);
    fs::remove_file(world.path("pictures/two-perch.jpg")).unwrap();
    let ran = world.well(&["add", "pictures"]);
    assert!(ran.stderr.contains("missing 1"), "{}", ran.stderr);
    let found = world.well(&["search", "fish", "--format", "paths"]);
    assert!(found.lines()[0].ends_with("stone-windmill.jpg"));
    assert_eq!(found.lines().len(), 1);
    let ran = world.well(&["add", "pictures", "--prune"]);
    assert!(ran.stderr.contains("removed 1"), "{}", ran.stderr);
    let info = world
        .well(&["collection", "info", "--format", "json"])
        .json();
    assert_eq!(
        (&info["pictures"], &info["missing"]),
        (&1.into(), &0.into())
    );
}

#[test]
fn what_cannot_be_read_any_more_is_told_by_add_and_check() {
    let world = World::with_pictures(&["two-perch.jpg", "stone-windmill.jpg"]);
    world.write("pictures/two-perch.jpg", "no picture");
    let ran = world.run(&["add", "pictures"]);
    assert_eq!(ran.code, 1);
    let said = "1 indexed picture can no longer be read";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
    let found = world.well(&["search", "fish", "--format", "paths"]);
    assert_eq!(found.lines().len(), 1);
    let checked = world.run(&["collection", "check"]);
    assert_eq!(checked.code, 1);
    let said = "1 picture: unreadable; searches find it again once its file can be read\n2 pictures, no other faults\n";
    assert_eq!(checked.stderr, said);
}

#[test]
fn what_is_excluded_later_can_be_pruned() {
    let world = World::with_pictures(&["two-perch.jpg", "stone-windmill.jpg"]);
    let exclude = ["add", "pictures", "--exclude", "two-*"];
    let ran = world.well(&exclude);
    let said = "unchanged 1, no longer listed 1";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
    let ran = world.well(&[&exclude[..], &["--prune"]].concat());
    assert!(ran.stderr.contains("removed 1"), "{}", ran.stderr);
    let found = world.well(&["search", "fish", "--format", "paths"]);
    assert_eq!(found.lines().len(), 1);
    // Also where nothing else is left.
    let ran = world.well(&["add", "pictures", "--exclude", "*", "--prune"]);
    assert!(ran.stderr.contains("removed 1"), "{}", ran.stderr);
    assert_eq!(pictures(&world), 0);
}

#[cfg(unix)]
#[test]
fn a_linked_folder_is_the_same_library() {
    let world = World::with_pictures(&["two-perch.jpg"]);
    let link = |to: &str, name: &str| {
        std::os::unix::fs::symlink(world.path(to), world.path(name)).unwrap();
    };
    link("pictures", "linked");
    let ran = world.well(&["add", "linked"]);
    assert!(ran.stderr.contains("unchanged 1"), "{}", ran.stderr);
    let ran = world.well(&["add", "linked/two-perch.jpg"]);
    assert!(ran.stderr.contains("unchanged 1"), "{}", ran.stderr);
    let found = world.well(&["search", "fish", "--folder", "linked", "--format", "paths"]);
    assert_eq!(found.lines().len(), 1);
    // Moved, with a link where it was: the collection knows it by that path.
    fs::rename(world.path("pictures"), world.path("disk")).unwrap();
    link("disk", "pictures");
    let ran = world.well(&["add", "pictures"]);
    assert!(ran.stderr.contains("unchanged 1"), "{}", ran.stderr);
    let ran = world.well(&["collection", "forget", "pictures"]);
    assert!(ran.stderr.contains("forgot 1 picture"), "{}", ran.stderr);
    world.well(&["add", "pictures"]);
    let ran = world.well(&["collection", "forget", "linked"]);
    assert!(ran.stderr.contains("forgot 1 picture"), "{}", ran.stderr);
}

#[test]
fn a_folder_is_found_in_either_form_of_unicode() {
    let world = World::new();
    world.copy_pictures(&["two-perch.jpg"]);
    fs::create_dir(world.path("Caf\u{e9}")).unwrap();
    copy(&world, "two-perch.jpg", "Caf\u{e9}/fish.jpg");
    world.well(&["add", ".", "--model", "mini"]);
    for folder in ["Caf\u{e9}", "Cafe\u{301}"] {
        let found = world.well(&["search", "fish", "--folder", folder, "--format", "paths"]);
        assert_eq!(found.lines().len(), 1, "{folder}");
    }
    world.fails(&["search", "fish", "--folder", "Cafe"]);
}

#[test]
fn a_folder_that_lost_all_its_pictures_is_not_pruned() {
    let world = World::with_pictures(&["two-perch.jpg"]);
    fs::rename(world.path("pictures"), world.path("unplugged")).unwrap();
    fs::create_dir(world.path("pictures")).unwrap();
    let ran = world.well(&["add", "pictures", "--prune"]);
    let said = "pictures has no pictures any more; its indexed pictures stay";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
    assert!(ran.stderr.contains("missing 1"), "{}", ran.stderr);
    let again = world.well(&["add", "pictures", "--prune"]);
    assert!(again.stderr.contains("still missing 1"), "{}", again.stderr);
    let found = world.run(&["search", "fish"]);
    let said = "the only picture of collection default is missing; once";
    assert!(found.stderr.contains(said), "{}", found.stderr);
    let list = world.well(&["collection", "list"]);
    assert!(list.stdout.contains("(1 missing)"), "{}", list.stdout);
    fs::remove_dir(world.path("pictures")).unwrap();
    fs::rename(world.path("unplugged"), world.path("pictures")).unwrap();
    let ran = world.well(&["add", "pictures"]);
    assert!(ran.stderr.contains("updated 1"), "{}", ran.stderr);
}

#[test]
fn a_watched_folder_is_followed() {
    let world = World::with_pictures(&["two-perch.jpg"]);
    let mut watching = world
        .command(&["add", "pictures", "--watch"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let found = || {
        let ran = world.run(&["search", "a thing", "-k", "9", "--format", "paths"]);
        ran.lines().len()
    };
    // Changes count from this line on. The rest is read so that the pipe never fills.
    let mut said = BufReader::new(watching.stderr.take().unwrap()).lines();
    assert!(said.any(|line| line.unwrap().starts_with("watching for changes; ")));
    let reading = thread::spawn(move || said.for_each(drop));
    fs::create_dir(world.path("pictures/new")).unwrap();
    copy(&world, "stone-windmill.jpg", "pictures/new/mill.jpg");
    until("the new picture", || found() == 2);
    fs::remove_file(world.path("pictures/two-perch.jpg")).unwrap();
    until("the deletion", || found() == 1);
    fs::rename(world.path("pictures"), world.path("away")).unwrap();
    fs::create_dir(world.path("pictures")).unwrap();
    copy(&world, "two-perch.jpg", "pictures/fish.jpg");
    copy(&world, "angel-shark.jpg", "pictures/shark.jpg");
    until("another folder of its name", || found() == 2);
    signal(&watching, "-INT");
    let ended = watching.wait().unwrap();
    assert_eq!(ended.code(), Some(0));
    reading.join().unwrap();
}

#[test]
fn a_table_is_followed() {
    let world = World::new();
    let names = ["two-perch.jpg", "stone-windmill.jpg", "angel-shark.jpg"];
    world.copy_pictures(&names);
    let write = |rows: &[&str]| {
        let rows: String = rows
            .iter()
            .map(|name| format!("pictures/{name},a picture\n"))
            .collect();
        world.write("table.csv", format!("image,caption\n{rows}"));
    };
    let add = |more: &[&str]| {
        world
            .run(&[&["add", "table.csv", "--model", "mini"], more].concat())
            .stderr
    };
    let found = || {
        let ran = world.run(&["search", "a thing", "-k", "9", "--format", "paths"]);
        ran.lines().len()
    };
    write(&names);
    assert!(add(&[]).contains("added 3 in"));
    write(&names[..2]);
    let said = add(&["--limit", "1"]);
    assert!(!said.contains("no longer listed"), "{said}");
    let said = add(&[]);
    assert!(said.contains("unchanged 2, no longer listed 1"), "{said}");
    assert!(said.contains("no longer listed: --prune"), "{said}");
    assert_eq!(found(), 3);
    // A row without its file, like any other file that is gone.
    fs::rename(world.path("pictures/two-perch.jpg"), world.path("away.jpg")).unwrap();
    let said = add(&[]);
    assert!(said.contains("missing 1, no longer listed 1"), "{said}");
    assert_eq!(found(), 2);
    fs::rename(world.path("away.jpg"), world.path("pictures/two-perch.jpg")).unwrap();
    assert!(add(&["--prune"]).contains("removed 1"));
    assert_eq!(found(), 2);
    // A table of which no picture is there may be on a disk that is away.
    fs::rename(world.path("pictures"), world.path("away")).unwrap();
    let said = add(&["--prune"]);
    assert!(said.contains("missing 2"), "{said}");
    fs::rename(world.path("away"), world.path("pictures")).unwrap();
    let said = add(&[]);
    assert!(said.contains("updated 2"), "{said}");
    // What a folder holds stays when it leaves the table.
    world.well(&["add", "pictures"]);
    write(&names[..1]);
    let said = add(&["--prune"]);
    assert!(!said.contains("removed"), "{said}");
    assert_eq!(found(), 3);
}

#[test]
fn a_change_that_keeps_size_and_time_is_noticed() {
    let world = World::new();
    world.copy_pictures(&["two-perch.jpg"]);
    let path = world.path("pictures/two-perch.jpg");
    let set_time = || {
        let time = SystemTime::now() - Duration::from_secs(3600);
        let time = time.duration_since(UNIX_EPOCH).unwrap().as_secs() / 3600 * 3600;
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(time))
            .unwrap();
    };
    set_time();
    world.well(&["add", "pictures", "--model", "mini"]);
    let ran = world.well(&["add", "pictures"]);
    assert!(ran.stderr.contains("unchanged 1"), "{}", ran.stderr);
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, &bytes).unwrap();
    set_time();
    let ran = world.well(&["add", "pictures"]);
    assert!(ran.stderr.contains("updated 1"), "{}", ran.stderr);
}

#[test]
fn columns_that_are_left_out_are_named() {
    let world = World::new();
    world.copy_pictures(&["two-perch.jpg"]);
    let row = serde_json::json!({"image": "pictures/two-perch.jpg", "box": {"x": 1}, "year": 2019});
    world.write("table.jsonl", row.to_string());
    let ran = world.well(&["add", "table.jsonl", "--model", "mini"]);
    let note = "left out the column box in 1 row;";
    assert!(ran.stderr.contains(note), "{}", ran.stderr);
    assert!(!ran.stderr.contains("year"), "{}", ran.stderr);
}

#[test]
fn a_watcher_tells_of_a_failure_once() {
    let world = World::with_pictures(&["two-perch.jpg"]);
    world.write("pictures/broken.jpg", "no picture");
    let mut watching = world
        .command(&["add", "pictures", "--watch"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(watching.stderr.take().unwrap()).lines();
    let mut said = Vec::new();
    let mut read_until = |what: &str| {
        loop {
            let line = lines.next().unwrap().unwrap();
            let is_it = line.starts_with(what);
            said.push(line);
            if is_it {
                return said.clone();
            }
        }
    };
    read_until("watching for changes; ");
    for (name, to) in [
        ("stone-windmill.jpg", "pictures/mill.jpg"),
        ("angel-shark.jpg", "pictures/shark.jpg"),
    ] {
        copy(&world, name, to);
        read_until("added 1");
    }
    world.write("pictures/torn.jpg", "no picture");
    let said = read_until("skipped ");
    signal(&watching, "-INT");
    watching.wait().unwrap();
    let times = |name: &str| said.iter().filter(|line| line.contains(name)).count();
    assert_eq!(
        (times("broken.jpg"), times("torn.jpg")),
        (1, 1),
        "{said:#?}"
    );
}

/// Small pictures of which no two are equal, and a table of them with a caption each.
pub(crate) fn many(world: &World, count: u32) {
    fs::create_dir(world.path("many")).unwrap();
    let mut table = String::from("image,caption\n");
    for n in 0..count {
        let shade = |at: u32| [(at + n) as u8, (at * n % 251) as u8, (n / 2) as u8];
        let pixels = (0..32 * 32).flat_map(shade).collect();
        let picture = picture::Picture::from_rgb(32, 32, pixels).unwrap();
        world.write(&format!("many/{n}.png"), picture.to_png());
        table += &format!("many/{n}.png,picture number {n}\n");
    }
    world.write("many.csv", table);
}

/// A process that adds them, and has begun to. The model embeds at once.
fn adding(world: &World) -> Child {
    let mut command = world.command(&["add", "many.csv", "--model"]);
    command.arg(tiny());
    let adding = command.stderr(Stdio::piped()).spawn().unwrap();
    until("the first pictures", || recorded(world) > 0);
    adding
}

/// The number of pictures in the catalogue. To start clipseek for that may take as long as adding the rest.
fn recorded(world: &World) -> i64 {
    let catalogue = world.path("store/catalogue.sqlite");
    let catalogue = Connection::open_with_flags(catalogue, OpenFlags::SQLITE_OPEN_READ_ONLY);
    let counted = catalogue.and_then(|catalogue| {
        catalogue.query_row("SELECT count(*) FROM records", [], |row| row.get(0))
    });
    // Not made yet.
    counted.unwrap_or_default()
}

/// How often a test tries to act before a process is done. One attempt nearly always suffices, but a busy machine may
/// run the process first.
pub(crate) const ATTEMPTS: usize = 100;

#[test]
fn ctrl_c_ends_cleanly_and_the_next_run_goes_on() {
    let world = World::new();
    many(&world, 1000);
    let so_far = (0..ATTEMPTS).find_map(|_| interrupted(&world, 1000));
    let so_far = so_far.expect("Ctrl-C always came too late");
    assert!(so_far > 0);
    world.well(&["collection", "check"]);
    let ran = world.well(&["add", "many.csv"]);
    let expected = format!("added {}, unchanged {so_far}", 1000 - so_far);
    assert!(ran.stderr.contains(&expected), "{}", ran.stderr);
}

/// Ends an addition by Ctrl-C and counts the pictures. `None` if all were added before.
fn interrupted(world: &World, all: u64) -> Option<u64> {
    let adding = adding(world);
    signal(&adding, "-INT");
    let ran = Ran::of(adding.wait_with_output().unwrap());
    let so_far = pictures(world);
    if so_far == all {
        fs::remove_dir_all(world.path("store")).unwrap();
        return None;
    }
    assert_eq!(ran.code, 130, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("run the same command to resume"),
        "{}",
        ran.stderr
    );
    Some(so_far)
}

#[test]
fn a_collection_is_deleted_when_nobody_adds_to_it() {
    let world = World::new();
    many(&world, 1000);
    let has_waited = (0..ATTEMPTS).any(|_| deleted_after_adding(&world, 1000));
    assert!(has_waited, "the deletion always came too late");
}

/// Deletes the collection while a process adds to it. Whether the deletion had to wait.
fn deleted_after_adding(world: &World, all: u64) -> bool {
    let adding = adding(world);
    let deleted = world.well(&["collection", "delete", "default", "--yes"]);
    let added = Ran::of(adding.wait_with_output().unwrap());
    assert_eq!(added.code, 0, "{}", added.stderr);
    let expected = format!("added {all}");
    assert!(added.stderr.contains(&expected), "{}", added.stderr);
    assert_eq!(pictures(world), 0);
    deleted.stderr.contains("waiting for another clipseek")
}

/// How many pictures the collection has.
pub(crate) fn pictures(world: &World) -> u64 {
    let ran = world.run(&["collection", "info", "default", "--format", "json"]);
    match ran.code {
        0 => ran.json()["pictures"].as_u64().unwrap(),
        // Not made yet.
        _ => 0,
    }
}

/// A generator of numbers that look random (SplitMix64).
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut number = *state;
    number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}

/// The file that `collection export` writes: vectors in the order of their ids.
fn exported(world: &World, store: &str) -> (Vec<f32>, String) {
    let name = format!("{store}.npy");
    let store = world.path(store);
    world.well(&[
        "--store",
        store.to_str().unwrap(),
        "collection",
        "export",
        "--to",
        &name,
    ]);
    let bytes = fs::read(world.path(&name)).unwrap();
    let header = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let values = bytes[header..].as_chunks::<4>().0;
    let values = values.iter().map(|&value| f32::from_le_bytes(value));
    (values.collect(), world.read(&format!("{name}.jsonl")))
}

#[test]
fn sixty_kills_lose_nothing() {
    let world = World::new();
    many(&world, 300);
    // This model embeds at once: most of the time goes into writing, which a kill may interrupt.
    let model = tiny();
    let add = ["add", "many.csv", "--model", model.to_str().unwrap()];
    let undisturbed = world.path("undisturbed");
    let arguments = ["--store", undisturbed.to_str().unwrap()];
    let mut adding = world.command(&[&arguments[..], &add].concat());
    let mut adding = adding.stderr(Stdio::null()).spawn().unwrap();
    // A kill after more changes would find a process that is done.
    let most = changes(&undisturbed, &mut adding, usize::MAX);
    assert!(adding.wait().unwrap().success() && most > 10, "{most}");
    let mut state = u64::from(std::process::id());
    println!("seed {state}, {most} changes");
    let mut there = 0;
    for round in 0..60 {
        let moment = random(&mut state) as usize % most;
        there = kill_once(&world, &add, there, moment, round);
        // So that there is always something to do; what was acknowledged stays.
        if there > 250 {
            fs::remove_dir_all(world.path("store")).unwrap();
            there = 0;
        }
    }
    world.well(&add);
    world.well(&["collection", "check", "--read"]);
    let (values, names) = exported(&world, "store");
    let (expected, expected_names) = exported(&world, "undisturbed");
    assert_eq!(names, expected_names);
    assert!(!values.is_empty() && values.len() == expected.len());
    let off = values.iter().zip(&expected).map(|(a, b)| (a - b).abs());
    // A picture's batch may be another, and with it the order of additions.
    assert!(off.fold(0.0, f32::max) < 1e-5);
}

/// The length and the time of each file in a folder, as far as they are there.
fn files(folder: &Path) -> BTreeMap<PathBuf, (u64, SystemTime)> {
    let mut files = BTreeMap::new();
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()) {
        match path.metadata() {
            Ok(metadata) if metadata.is_dir() => files.append(&mut self::files(&path)),
            Ok(metadata) => {
                files.insert(path, (metadata.len(), metadata.modified().unwrap()));
            }
            // It is gone again.
            Err(_) => {}
        }
    }
    files
}

/// Looks at a store until its files have changed so often, or the process has ended; how often they have changed.
fn changes(store: &Path, process: &mut Child, most: usize) -> usize {
    let (mut before, mut count) = (files(store), 0);
    while count < most && process.try_wait().unwrap().is_none() {
        let now = files(store);
        count += usize::from(now != before);
        before = now;
    }
    count
}

/// Kills a process that adds to `before` pictures after so many changes of the store, and counts the pictures.
fn kill_once(world: &World, add: &[&str], before: u64, moment: usize, round: usize) -> u64 {
    let mut adding = world.command(add).stderr(Stdio::null()).spawn().unwrap();
    let killed = AtomicBool::new(false);
    let acknowledged = thread::scope(|scope| {
        let searching = scope.spawn(|| {
            let mut most = before;
            while !killed.load(Ordering::Relaxed) {
                most = most.max(pictures(world));
                let ran = world.run(&["search", "a picture", "--format", "json"]);
                let nothing_yet = ran.code == 2 && ran.stderr.contains("no collection");
                assert!(ran.code < 2 || nothing_yet, "round {round}: {}", ran.stderr);
            }
            most
        });
        // Whenever it is killed, the same holds.
        changes(&world.path("store"), &mut adding, moment);
        adding.kill().unwrap();
        adding.wait().unwrap();
        killed.store(true, Ordering::Relaxed);
        searching.join().unwrap()
    });
    let there = pictures(world);
    assert!(
        there >= acknowledged,
        "round {round}, after {moment} changes"
    );
    if there > 0 {
        let check = world.run(&["collection", "check"]);
        assert_eq!(
            check.code, 0,
            "round {round}, after {moment} changes: {}",
            check.stderr
        );
    }
    there
}

#[test]
fn a_check_finds_what_is_wrong_and_mends_it() {
    let world = World::with_pictures(&["two-perch.jpg", "stone-windmill.jpg", "angel-shark.jpg"]);
    let ran = world.well(&["collection", "check"]);
    assert!(
        ran.stderr.contains("3 pictures, no faults"),
        "{}",
        ran.stderr
    );
    fs::remove_file(world.path("pictures/two-perch.jpg")).unwrap();
    remove_vector(&world.path("store"), "stone-windmill.jpg");
    let ran = world.run(&["collection", "check"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("the file is gone"), "{}", ran.stderr);
    let ran = world.run(&["collection", "check", "--repair"]);
    assert_eq!(ran.code, 1);
    let expected = "3 faults: 2 repaired; add the sources again for the other 1";
    assert!(ran.stderr.contains(expected), "{}", ran.stderr);
    world.well(&["collection", "check"]);
    world.well(&["add", "pictures"]);
    let found = world.well(&["search", "a thing", "--format", "paths"]);
    assert_eq!(found.lines().len(), 2);
}

/// Deletes a picture's vector behind the collection's back, and adds one of no picture.
fn remove_vector(store: &Path, picture: &str) {
    let engine = index::Embedded::open(&store.join("embedded")).unwrap();
    let index = engine.index("default").unwrap();
    let ids = index.list("images", "", 9, None).unwrap();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let vectors = index.fetch("images", &ids).unwrap().into_iter();
    let is_its = |vector: &index::Vector| {
        vector.metadata["image"]
            .as_str()
            .unwrap()
            .ends_with(picture)
    };
    let mut vector = vectors.into_iter().find(is_its).unwrap();
    index
        .delete("images", &index::Selection::Ids(vec![vector.id.clone()]))
        .unwrap();
    vector.id = "nobody".to_owned();
    index.upsert("images", &[vector]).unwrap();
}

#[test]
fn one_file_among_several_that_is_no_source_is_a_line_in_the_report() {
    let world = World::with_pictures(&["two-perch.jpg"]);
    world.write("notes.pdf", "%PDF-1.7");
    let ran = world.run(&["add", "pictures", "notes.pdf"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("unchanged 1, failed 1"),
        "{}",
        ran.stderr
    );
    let said = world.fails(&["add", "notes.pdf"]);
    assert!(
        said.contains("is not a folder, a picture or a table"),
        "{said}"
    );
    let said = world.fails(&["add", "pictures", "nowhere"]);
    assert!(said.contains("nowhere"), "{said}");
}

#[test]
fn pictures_are_forgotten_whether_their_files_are_there_or_not() {
    let world = World::with_pictures(&["two-perch.jpg", "stone-windmill.jpg", "angel-shark.jpg"]);
    let ran = world.well(&["collection", "forget", "pictures/two-perch.jpg"]);
    assert!(ran.stderr.contains("forgot 1 picture at"), "{}", ran.stderr);
    assert!(world.path("pictures/two-perch.jpg").exists());
    let found = world.well(&["search", "a thing", "--format", "paths"]);
    assert_eq!(found.lines().len(), 2);
    assert_eq!(
        world
            .run(&["collection", "forget", "pictures/two-perch.jpg"])
            .code,
        1
    );
    let left = world
        .well(&["search", "a thing", "--format", "json"])
        .json();
    let id = left["hits"][0]["id"].as_str().unwrap();
    let ran = world.well(&["collection", "forget", id]);
    assert!(ran.stderr.contains("forgot 1 picture"), "{}", ran.stderr);
    world.well(&[
        "add",
        "pictures/stone-windmill.jpg",
        "pictures/angel-shark.jpg",
    ]);

    fs::remove_dir_all(world.path("pictures")).unwrap();
    let said = world.fails(&["add", "pictures", "--prune"]);
    let note = "is missing, perhaps because a disk is not connected; collection default keeps";
    assert!(said.contains(note), "{said}");
    assert!(
        said.contains("clipseek collection forget pictures"),
        "{said}"
    );
    let ran = world.well(&["collection", "forget", "pictures"]);
    assert!(
        ran.stderr.contains("forgot 2 pictures at"),
        "{}",
        ran.stderr
    );
    assert_eq!(world.run(&["search", "a thing"]).code, 1);
    world.well(&["collection", "check"]);
}
