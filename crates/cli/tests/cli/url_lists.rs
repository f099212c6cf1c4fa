//! Lists of URLs: from the hub or a file to pictures, a manifest and a collection, interrupted or not.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use hub_double::{HubDouble, RawAnswer, RawServer, Repository};
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use sha2::{Digest, Sha256};

use crate::hub_models::tiny;
use crate::world::{LONGEST_SECONDS, LONGEST_WAIT, Ran, World, demo, until};

/// How often each path was asked for.
type Asked = Arc<Mutex<HashMap<String, usize>>>;

/// A host of the demo's pictures, with some trouble.
struct Host {
    server: RawServer,
    asked: Asked,
    /// How many more requests it answers. All others wait in vain.
    allowed: Arc<AtomicUsize>,
}

impl Host {
    /// Answers all requests.
    fn start() -> Host {
        Host::allowing(usize::MAX)
    }

    /// Answers so many requests.
    fn allowing(count: usize) -> Host {
        let (asked, allowed) = (Asked::default(), Arc::new(AtomicUsize::new(count)));
        let (counted, left) = (Arc::clone(&asked), Arc::clone(&allowed));
        let server = RawServer::start(move |head| {
            let path = head[0].split(' ').nth(1).unwrap().to_owned();
            *counted.lock().unwrap().entry(path.clone()).or_default() += 1;
            let one_less = |left: usize| left.checked_sub(1);
            match left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less) {
                Ok(_) => answer(&path),
                Err(_) => RawAnswer::Stall(Vec::new()),
            }
        });
        Host {
            server,
            asked,
            allowed,
        }
    }

    /// Answers so many more from now on.
    fn allow(&self, count: usize) {
        self.allowed.store(count, Ordering::Relaxed);
    }

    /// Waits until it has been asked for all that it answers.
    fn wait_until_asked(&self) {
        until("requests", || self.allowed.load(Ordering::Relaxed) == 0);
    }

    fn url(&self, path: &str) -> String {
        self.server.url(path)
    }

    fn asked(&self) -> HashMap<String, usize> {
        self.asked.lock().unwrap().clone()
    }
}

fn answer(path: &str) -> RawAnswer {
    let name = path.split('?').next().unwrap();
    let picture = |name: &str| fs::read(demo().join("pictures").join(name)).unwrap();
    match name {
        "/dead.jpg" => RawAnswer::http("404 Not Found", &[], b""),
        "/page.jpg" => RawAnswer::http("200 OK", &[], b"<!doctype html>"),
        "/cut.jpg" => {
            let whole = picture("two-perch.jpg");
            RawAnswer::http("200 OK", &[], &whole[..whole.len() / 2])
        }
        "/slow.jpg" => RawAnswer::Stall(Vec::new()),
        "/moved.jpg" => RawAnswer::http("302 Found", &["location: /two-perch.jpg"], b""),
        "/inside.jpg" => RawAnswer::http("302 Found", &["location: http://10.0.0.1/a.jpg"], b""),
        name => RawAnswer::http("200 OK", &[], &picture(&name[1..])),
    }
}

/// A Parquet table with the columns of Conceptual Captions, and one that is large and not needed.
fn parquet(rows: &[(String, String)]) -> Vec<u8> {
    let schema =
        "message cc { required binary image_url (STRING); required binary caption (STRING);
        required binary labels; }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let mut bytes = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut bytes, schema, Arc::default()).unwrap();
    for (number, rows) in rows.chunks(100).enumerate() {
        let mut group = writer.next_row_group().unwrap();
        let noise = |n: usize| {
            (0..3000_usize)
                .map(move |m| Sha256::digest((number * 100 + n + m * 7919).to_le_bytes())[0])
        };
        let columns: [Vec<ByteArray>; 3] = [
            rows.iter().map(|(url, _)| url.as_str().into()).collect(),
            rows.iter()
                .map(|(_, caption)| caption.as_str().into())
                .collect(),
            (0..rows.len())
                .map(|n| noise(n).collect::<Vec<u8>>().into())
                .collect(),
        ];
        for values in columns {
            let mut column = group.next_column().unwrap().unwrap();
            column
                .typed::<ByteArrayType>()
                .write_batch(&values, None, None)
                .unwrap();
            column.close().unwrap();
        }
        group.close().unwrap();
    }
    writer.close().unwrap();
    bytes
}

/// The demo's pictures and their captions.
fn captions() -> Vec<(String, String)> {
    let table = fs::read_to_string(demo().join("captions.csv")).unwrap();
    let rows = table.lines().skip(1).map(|line| {
        let mut cells = line.split(',');
        let name = cells
            .next()
            .unwrap()
            .trim_start_matches("pictures/")
            .to_owned();
        (name, cells.next().unwrap().to_owned())
    });
    rows.collect()
}

/// Options for hosts on this machine, which may be busy.
pub(crate) const PATIENT: &[&str] = &[
    "--allow-private=127.0.0.1",
    "--retries",
    "0",
    "--per-host",
    "256",
    "--connect-timeout",
    LONGEST_SECONDS,
    "--timeout",
    LONGEST_SECONDS,
    "--stall-timeout",
    LONGEST_SECONDS,
];

/// The same for hosts that never answer.
fn impatient() -> Vec<&'static str> {
    [&PATIENT[..PATIENT.len() - 1], &["0.5"]].concat()
}

#[test]
fn a_data_set_of_the_hub_becomes_a_collection() {
    let (world, double) = (World::new(), HubDouble::start());
    let host = Host::start();
    let mut rows = Vec::new();
    for round in 0..5 {
        for (n, (name, caption)) in captions().into_iter().enumerate() {
            rows.push((host.url(&format!("/{name}?{round}")), caption));
            let bad = ["dead", "page", "cut", "inside"].get(n % 16);
            rows.extend(
                bad.map(|bad| (host.url(&format!("/{bad}.jpg?{round}-{n}")), String::new())),
            );
        }
    }
    let slow = (0..10).map(|n| (host.url(&format!("/slow.jpg?{n}")), String::new()));
    drop(rows.splice(140..140, slow));
    assert!(rows.len() > 400);
    let table = parquet(&rows);
    let size = table.len();
    const ID: &str = "google-research-datasets/conceptual_captions";
    double.add(
        Repository::dataset(ID)
            .on_branch("refs/convert/parquet")
            .large_file("unlabeled/validation/0000.parquet", table)
            .large_file("unlabeled/train/0000.parquet", parquet(&rows[..1]))
            .large_file("labeled/train/0000.parquet", parquet(&rows[..1])),
    );
    let run = |arguments: &[&str]| {
        let mut command = world.command(arguments);
        command
            .env("HF_ENDPOINT", double.endpoint())
            .env_remove("HF_HUB_OFFLINE");
        Ran::of(command.output().unwrap())
    };
    let source = format!("hf:{ID}");
    let add = |limit: &str, options: &[&str]| {
        let source = ["add", &source, "--split", "validation", "--limit", limit];
        run(&[&source[..], &["--model", "mini"], options].concat())
    };
    let good = rows[..150]
        .iter()
        .filter(|(_, caption)| !caption.is_empty())
        .count();
    let added = add("140", PATIENT);
    assert_eq!(added.code, 1, "{}", added.stderr);
    let said = format!("added {good}, failed {}", 140 - good);
    assert!(added.stderr.contains(&said), "{said}: {}", added.stderr);
    // Of the file only parts have come: not the column that is not needed, nor the last rows.
    let read: usize = double
        .requests()
        .iter()
        .filter(|request| request.path.contains("storage"))
        .map(|request| {
            let range = request
                .header("range")
                .unwrap()
                .trim_start_matches("bytes=");
            let (start, end) = range.split_once('-').unwrap();
            end.parse::<usize>().unwrap() - start.parse::<usize>().unwrap() + 1
        })
        .sum();
    assert!(read < size / 4, "{read} of {size}");

    // The rest is silent. What came of the others is known.
    let added = add("150", &impatient());
    assert_eq!(added.code, 1, "{}", added.stderr);
    let said = format!("added 0, unchanged {good}, failed {}", 150 - good);
    assert!(added.stderr.contains(&said), "{said}: {}", added.stderr);
    for reason in [
        "HTTP error",
        "not a picture",
        "damaged",
        "stalled",
        "private address",
    ] {
        assert!(
            added.stderr.contains(&format!("  {reason}: ")),
            "{reason}: {}",
            added.stderr
        );
    }

    let found = world.well(&["search", "a windmill", "--format", "json", "--top-k", "1"]);
    let hit = found.json()["hits"][0].clone();
    assert!(hit["url"].as_str().unwrap().contains("windmill"), "{hit}");
    assert!(
        hit["captions"][0].as_str().unwrap().contains("windmill"),
        "{hit}"
    );
    let file = hit["file"].as_str().unwrap();
    let name = hit["url"].as_str().unwrap().rsplit('/').next().unwrap();
    let name = name.split('?').next().unwrap();
    assert_eq!(
        fs::read(file).unwrap(),
        fs::read(demo().join("pictures").join(name)).unwrap()
    );

    // Again: nothing is fetched, and nothing embedded.
    let before = host.asked();
    let again = add("150", PATIENT);
    assert!(
        again.stderr.contains(&format!("added 0, unchanged {good}")),
        "{}",
        again.stderr
    );
    assert_eq!(host.asked(), before);
    assert_eq!(world.run(&["collection", "check"]).code, 0);

    // One of several has to be named, and has to be there.
    let error = run(&["add", &source, "--model", "mini"]).stderr;
    assert!(
        error.contains("several configurations: name one of `labeled`, `unlabeled`"),
        "{error}"
    );
    let error = run(&["add", &source, "--split", "test", "--model", "mini"]).stderr;
    assert!(
        error.contains("has no split `test`, but `train`, `validation`"),
        "{error}"
    );

    world.well(&["collection", "delete", "default", "--yes"]);
    assert!(
        !Path::new(file).exists(),
        "a deleted collection's pictures stay"
    );
}

/// A list of distinct URLs, a part of which are bad.
fn list(host: &Host, count: usize) -> String {
    let captions = captions();
    let row = |n: usize| {
        let (name, caption) = &captions[n % captions.len()];
        let name = match n % 10 {
            3 => "dead.jpg",
            6 => "page.jpg",
            8 => "cut.jpg",
            9 => "moved.jpg",
            _ => name,
        };
        format!("{caption} {n}\t{}\n", host.url(&format!("/{name}?{n}")))
    };
    (0..count).map(row).collect()
}

/// The rows of the manifest in a folder, without their times.
fn manifest(world: &World, folder: &str) -> Vec<serde_json::Value> {
    rows(&world.read(&format!("{folder}/manifest.jsonl")))
}

fn rows(manifest: &str) -> Vec<serde_json::Value> {
    let rows = manifest.lines().map(|line| {
        let mut row: serde_json::Value = serde_json::from_str(line).unwrap();
        row.as_object_mut().unwrap().remove("time").unwrap();
        row
    });
    rows.collect()
}

/// The pictures in a folder, by their paths within.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for group in fs::read_dir(folder.join("images")).unwrap() {
        let group = group.unwrap();
        for file in fs::read_dir(group.path()).unwrap() {
            let path = file.unwrap().path();
            let name = path
                .strip_prefix(folder)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            files.insert(name, fs::read(path).unwrap());
        }
    }
    files
}

/// The keys of the URLs in the journal of a download that was interrupted.
fn journalled(folder: &Path) -> BTreeSet<Vec<u8>> {
    let path = folder.join("journal.sqlite3");
    let Ok(connection) = rusqlite::Connection::open(path) else {
        return BTreeSet::new();
    };
    connection.busy_timeout(LONGEST_WAIT).unwrap();
    let Ok(mut statement) = connection.prepare("SELECT key FROM outcomes") else {
        return BTreeSet::new();
    };
    let keys = statement.query_map([], |row| row.get(0)).unwrap();
    keys.map(Result::unwrap).collect()
}

#[test]
fn fifty_kills_lose_nothing_and_fetch_nothing_twice() {
    const ROWS: usize = 2000;
    /// The most answers between two kills. Fifty times as many are fewer than all.
    const ANSWERS: usize = 30;
    let world = World::new();
    let (calm, host) = (Host::start(), Host::allowing(0));
    // The same URLs for both, but for the port.
    world.write("list.tsv", list(&host, ROWS));
    world.write("calm.tsv", list(&calm, ROWS));
    let download = |list: &str, to: &str| -> Command {
        let arguments = [
            "download",
            list,
            "--to",
            to,
            "--jsonl",
            "--concurrency",
            "16",
        ];
        world.command(&[&arguments[..], PATIENT].concat())
    };
    let mut frozen: HashMap<String, usize> = HashMap::new();
    let by_key: HashMap<Vec<u8>, String> = world
        .read("list.tsv")
        .lines()
        .map(|line| line.split_once('\t').unwrap().1.to_owned())
        .map(|url| (Sha256::digest(&url)[..16].to_vec(), url))
        .collect();
    let path_of = |url: &str| format!("/{}", url.splitn(4, '/').nth(3).unwrap());
    let requests = |host: &Host| host.asked().values().sum::<usize>();
    let mut state = 7_u64;
    for kill in 0..50 {
        host.allow(ANSWERS);
        let before = requests(&host);
        let mut running = download("list.tsv", "killed").spawn().unwrap();
        match kill % 3 {
            // After any number of requests. Some runs die while they open the folder.
            0 => {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                let some = before + (state >> 33) as usize % ANSWERS;
                until("some requests", || requests(&host) >= some);
            }
            // While pictures are on their way.
            1 => host.wait_until_asked(),
            // When the first of them are in the journal.
            _ => until("the journal", || {
                journalled(&world.path("killed")).len() > frozen.len()
            }),
        }
        assert_eq!(running.try_wait().unwrap(), None, "the host holds it up");
        running.kill().unwrap();
        running.wait().unwrap();
        host.server.settle();
        let asked = host.asked();
        for key in journalled(&world.path("killed")) {
            let path = path_of(&by_key[&key]);
            let count = asked[&path];
            let before = *frozen.entry(path.clone()).or_insert(count);
            assert_eq!(count, before, "{path} was fetched again");
        }
    }
    let done = frozen.len();
    assert!((1..ROWS).contains(&done), "{done} were journalled");
    host.allow(usize::MAX);
    let ran = Ran::of(download("list.tsv", "killed").output().unwrap());
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    let asked = host.asked();
    for (path, count) in &frozen {
        assert_eq!(asked[path], *count, "{path} was fetched again");
    }
    let ran = Ran::of(download("calm.tsv", "calm").output().unwrap());
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    let unported = |rows: Vec<serde_json::Value>, host: &Host| -> Vec<String> {
        let start = host.url("");
        rows.iter()
            .map(|row| row.to_string().replace(&start, ""))
            .collect()
    };
    let killed = unported(manifest(&world, "killed"), &host);
    let calm_rows = unported(manifest(&world, "calm"), &calm);
    assert_eq!((killed.len(), calm_rows.len()), (ROWS, ROWS));
    for (killed, calm) in killed.iter().zip(&calm_rows) {
        assert_eq!(killed, calm);
    }
    let (killed, calm) = (files(&world.path("killed")), files(&world.path("calm")));
    assert!(killed.keys().eq(calm.keys()));
    assert!(killed == calm, "pictures of one name are equal");
}

#[test]
fn a_stopped_download_says_so_and_goes_on() {
    let world = World::new();
    let host = Host::allowing(40);
    world.write("list.tsv", list(&host, 400));
    let arguments = [
        "download",
        "list.tsv",
        "--to",
        "to",
        "--jsonl",
        "--concurrency",
        "4",
    ];
    let arguments = [&arguments[..], PATIENT].concat();
    let child = world
        .command(&arguments)
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    host.wait_until_asked();
    let pid = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .unwrap()
            .success()
    );
    let ran = Ran::of(child.wait_with_output().unwrap());
    assert_eq!(ran.code, 130, "{}", ran.stderr);
    assert!(
        ran.stderr
            .contains("stopped; run the same command to resume"),
        "{}",
        ran.stderr
    );
    assert!(!world.path("to/manifest.parquet").exists());
    host.allow(usize::MAX);
    let ran = world.run(&arguments);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("280 pictures in 400 rows"),
        "{}",
        ran.stderr
    );
    assert_eq!(manifest(&world, "to").len(), 400);
}

/// The most memory that a process has had so far, in MiB.
#[cfg(target_os = "linux")]
fn peak_memory(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let peak = status.lines().find_map(|it| it.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = peak.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes >> 10)
}

#[cfg(target_os = "linux")]
#[test]
fn large_pictures_do_not_fill_the_memory() {
    const COUNT: usize = 200;
    const LENGTH: usize = 8 << 20;
    let world = World::new();
    let is_measured = Arc::new(AtomicBool::new(false));
    let go_on = Arc::clone(&is_measured);
    let server = RawServer::start(move |head| {
        if head[0].contains("/last.jpg") {
            until("the measurement", || go_on.load(Ordering::Relaxed));
        }
        let length = match head[0].contains("?told") {
            true => format!("content-length: {LENGTH}\r\n"),
            false => String::new(),
        };
        let answer = format!("HTTP/1.1 200 OK\r\n{length}connection: close\r\n\r\n");
        let picture = fs::read(demo().join("pictures/two-perch.jpg")).unwrap();
        let rest = LENGTH - picture.len();
        RawAnswer::Padded([answer.into_bytes(), picture].concat(), rest)
    });
    let url = |n: usize| {
        let kind = ["told", "untold"][usize::from(n.is_multiple_of(8))];
        format!("a\t{}\n", server.url(&format!("/{n}.jpg?{kind}")))
    };
    let last = format!("a\t{}\n", server.url("/last.jpg?told"));
    world.write("list.tsv", (0..COUNT).map(url).collect::<String>() + &last);
    let arguments = ["download", "list.tsv", "--to", "to", "--check-only"];
    let mut command = world.command(&[&arguments[..], PATIENT].concat());
    let mut child = command.spawn().unwrap();
    until("all pictures but the last", || {
        journalled(&world.path("to")).len() == COUNT
    });
    let peak = peak_memory(child.id()).unwrap();
    is_measured.store(true, Ordering::Relaxed);
    assert!(child.wait().unwrap().success());
    let all = (COUNT * LENGTH) as u64 >> 20;
    assert!((1..all / 2).contains(&peak), "{peak} MiB of {all} MiB");
}

#[test]
fn what_failed_is_tried_again_when_asked_for() {
    let world = World::new();
    let host = Host::start();
    world.write("list.tsv", list(&host, 20));
    let run = |more: &[&str]| {
        let arguments = ["download", "list.tsv", "--to", "to"];
        world.run(&[&arguments[..], more, PATIENT].concat())
    };
    run(&[]);
    let first = host.asked();
    assert!(run(&[]).stderr.starts_with("14 pictures in 20 rows\n"));
    assert_eq!(host.asked(), first);
    run(&["--retry-failed"]);
    for (path, count) in host.asked() {
        let is_bad = ["/dead", "/page", "/cut"]
            .iter()
            .any(|bad| path.starts_with(bad));
        // All redirects lead to one picture.
        let expected = if is_bad { 2 } else { first[&path] };
        assert_eq!(count, expected, "{path}");
    }
    // Pictures that were lost are fetched again.
    let lost = files(&world.path("to")).into_keys().next().unwrap();
    fs::remove_file(world.path("to").join(&lost)).unwrap();
    run(&[]);
    assert!(world.path("to").join(&lost).exists());
}

#[test]
fn all_is_fetched_again_when_asked_for() {
    let world = World::new();
    let host = Host::start();
    world.write("list.tsv", list(&host, 4));
    let arguments = ["download", "list.tsv", "--to", "to"];
    world.run(&[&arguments[..], PATIENT].concat());
    let first = host.asked();
    let ran = world.run(&[&arguments[..], &["--refetch"], PATIENT].concat());
    for (path, count) in host.asked() {
        assert_eq!(count, 2 * first[&path], "{path}: {}", ran.stderr);
    }
}

#[test]
fn pictures_are_kept_as_they_were_asked_for() {
    let world = World::new();
    let host = Host::start();
    world.write("list.tsv", list(&host, 20));
    let run =
        |more: &[&str]| world.run(&[&["download", "list.tsv", "--jsonl"], more, PATIENT].concat());
    let tested = run(&["--to", "tested", "--check-only"]);
    assert!(
        tested.stderr.contains("14 pictures in 20 rows"),
        "{}",
        tested.stderr
    );
    assert!(!tested.stderr.contains("next: "), "{}", tested.stderr);
    assert!(files(&world.path("tested")).is_empty());
    run(&["--to", "small", "--resize", "64", "--quality", "80"]);
    let (tested, small) = (manifest(&world, "tested"), manifest(&world, "small"));
    for (tested, small) in tested.iter().zip(&small) {
        for same in [
            "url", "is_valid", "reason", "bytes", "width", "height", "sha256",
        ] {
            assert_eq!(tested[same], small[same]);
        }
        if let Some(file) = small["file"].as_str() {
            let bytes = fs::read(world.path("small").join(file)).unwrap();
            let picture = picture::Picture::decode(&bytes, &picture::Limits::default()).unwrap();
            assert_eq!(picture.width().min(picture.height()), 64);
            assert!(file.contains(small["sha256"].as_str().unwrap()));
        }
    }
    let error = world.fails(&["download", "list.tsv", "--to", "small"]);
    assert!(
        error.contains("are kept at 64 pixels, JPEG of quality 80, not as they came"),
        "{error}"
    );
}

#[test]
fn what_was_refused_is_asked_for_once_it_is_let_in() {
    let world = World::new();
    let host = Host::start();
    world.write("list.tsv", list(&host, 20));
    let run = |more: &[&str]| {
        let arguments = ["download", "list.tsv", "--to", "to"];
        world.run(&[&arguments[..], &PATIENT[1..], more].concat())
    };
    let refused = run(&["--check-only", "--jsonl"]);
    assert!(
        refused.stderr.contains("  private address: 20\n")
            && refused
                .stderr
                .contains("to allow `private address`: --allow-private"),
        "{}",
        refused.stderr
    );
    assert!(host.asked().is_empty());
    let tested = run(&["--check-only", "--allow-private=127.0.0.1"]);
    assert!(
        tested.stderr.contains("14 pictures in 20 rows"),
        "{}",
        tested.stderr
    );
    // The manifest of lines is of these rows, too.
    let valid = |row: &serde_json::Value| row["is_valid"] == true;
    assert_eq!(
        manifest(&world, "to")
            .iter()
            .filter(|row| valid(row))
            .count(),
        14
    );
    let before = host.asked();
    assert!(files(&world.path("to")).is_empty());
    // What was only tested is fetched now, and what failed then is not asked for again.
    let kept = run(&["--allow-private=127.0.0.1"]);
    assert!(
        kept.stderr.contains("14 pictures in 20 rows"),
        "{}",
        kept.stderr
    );
    assert!(!files(&world.path("to")).is_empty());
    for (path, count) in before {
        let is_bad = path.starts_with("/dead") || path.starts_with("/page");
        if is_bad {
            assert_eq!(host.asked()[&path], count, "{path}");
        }
    }
}

#[test]
fn parts_of_a_list_are_the_list() {
    let world = World::new();
    let host = Host::start();
    world.write("list.tsv", list(&host, 100));
    let run = |to: &str, more: &[&str]| {
        let arguments = ["download", "list.tsv", "--jsonl", "--to", to];
        world.run(&[&arguments[..], more, PATIENT].concat());
    };
    run("whole", &[]);
    let whole = manifest(&world, "whole");
    let mut parts = Vec::new();
    for part in 1..=3 {
        // Parts may share a folder.
        let to = ["parts", "elsewhere"][usize::from(part == 3)];
        run(to, &["--shard", &format!("{part}/3")]);
        let name = format!("{to}/manifest-{part}-of-3.jsonl");
        parts.extend(rows(&world.read(&name)));
    }
    assert_eq!(parts.len(), whole.len());
    let position = |row: &serde_json::Value| whole.iter().position(|other| other == row).unwrap();
    parts.sort_by_key(position);
    assert_eq!(parts, whole);
    let manifests = [
        "parts/manifest-1-of-3.parquet",
        "parts/manifest-2-of-3.parquet",
        "elsewhere/manifest-3-of-3.parquet",
    ];
    let added = world.run(&[&["add"], &manifests[..], &["--model", "mini"]].concat());
    assert_eq!(added.code, 0, "{}", added.stderr);
    let found = world.well(&["search", "a windmill", "--format", "json"]);
    let hit = &found.json()["hits"][0];
    assert!(
        hit["metadata"]["url"]
            .as_str()
            .unwrap()
            .contains("windmill"),
        "{hit}"
    );
    assert_eq!(hit["metadata"]["is_valid"], true);
}

#[test]
fn a_folder_is_one_downloads_at_a_time() {
    let world = World::new();
    let host = Host::allowing(0);
    world.write("list.tsv", list(&host, 200));
    let arguments = ["download", "list.tsv", "--to", "to", "--concurrency", "2"];
    let arguments = [&arguments[..], PATIENT].concat();
    let mut first = world.command(&arguments).spawn().unwrap();
    until("a request", || !host.asked().is_empty());
    let error = world.fails(&arguments);
    assert!(
        error.contains("another clipseek is downloading to `to`"),
        "{error}"
    );
    first.kill().unwrap();
    first.wait().unwrap();
}

#[test]
fn a_list_is_looked_into_before_it_is_fetched() {
    let world = World::new();
    let mut list = String::from("two dogs\thttp://b.example/1.jpg\n");
    list.push_str(
        "a cat\thttps://a.example/\u{e4}.jpg\none\t\nbroken\nx\thttp://b.example/2.jpg\n",
    );
    world.write("list.tsv", &list);
    let head = world.well(&["dataset", "head", "list.tsv", "--rows", "2"]);
    assert_eq!(
        head.stdout,
        "1: http://b.example/1.jpg\n    two dogs\n2: https://a.example/\u{e4}.jpg\n    a cat\n"
    );
    let head = world.well(&[
        "dataset", "head", "list.tsv", "--offset", "3", "--format", "jsonl",
    ]);
    let lines = head.lines();
    assert_eq!(lines[0], r#"{"line":4,"error":"got 1 cells, expected 2"}"#);
    assert!(
        lines[1].contains(r#""image":"http://b.example/2.jpg","captions":["x"]"#),
        "{}",
        lines[1]
    );
    let stats = world.well(&["dataset", "stats", "list.tsv"]);
    assert_eq!(
        stats.stdout,
        "5 rows\n3 URLs at 2 hosts\n4 captions, of 1.5 words on average, at most 8 characters\n\
         not read: no path: 1\nnot read: unequal row length: 1\nhost b.example: 2\nhost a.example: 1\n"
    );
    let stats = world
        .well(&["dataset", "stats", "list.tsv", "--format", "json"])
        .json();
    assert_eq!(stats["urls"], 3);
    assert_eq!(stats["common_hosts"][0]["host"], "b.example");
    world.write("empty.csv", "url,caption\n");
    assert_eq!(world.run(&["dataset", "head", "empty.csv"]).code, 1);
    world.copy_pictures(&["two-perch.jpg"]);
    let error = world.fails(&["dataset", "head", "pictures"]);
    assert!(
        error.contains("`pictures` is neither a table nor a folder of tables"),
        "{error}"
    );
}

/// A table that carries its pictures, as data sets of the hub do; the third has none, the fourth a bad
/// one.
fn with_pictures(names: &[&str]) -> Vec<u8> {
    let schema = "message birds { optional group image { optional binary bytes; optional binary path (STRING); }
        required binary caption (STRING); }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let mut bytes = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut bytes, schema, Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut pictures: Vec<ByteArray> = names
        .iter()
        .map(|name| fs::read(demo().join("pictures").join(name)).unwrap().into())
        .collect();
    pictures.push("no picture".into());
    let paths: Vec<ByteArray> = vec!["a.jpg".into(); names.len() + 2];
    let captions: Vec<ByteArray> = (0..names.len() + 2)
        .map(|n| format!("caption {n}").as_str().into())
        .collect();
    let levels: Vec<i16> = (0..names.len() + 2)
        .map(|n| if n == 2 { 1 } else { 2 })
        .collect();
    let all = vec![2; names.len() + 2];
    for (values, levels) in [
        (&pictures, Some(&levels)),
        (&paths, Some(&all)),
        (&captions, None),
    ] {
        let mut column = group.next_column().unwrap().unwrap();
        let levels = levels.map(Vec::as_slice);
        column
            .typed::<ByteArrayType>()
            .write_batch(values, levels, None)
            .unwrap();
        column.close().unwrap();
    }
    group.close().unwrap();
    writer.close().unwrap();
    bytes
}

#[test]
fn pictures_within_a_table_are_taken_out() {
    let world = World::new();
    let names = ["two-perch.jpg", "stone-windmill.jpg", "orange-hammer.jpg"];
    world.write("birds.parquet", with_pictures(&names));
    let added = world.run(&["add", "birds.parquet", "--model", "mini"]);
    assert_eq!(added.code, 1, "{}", added.stderr);
    assert!(
        added.stderr.contains("added 3, failed 2"),
        "{}",
        added.stderr
    );
    assert!(
        added.stderr.contains("  empty: 1") && added.stderr.contains("  not a picture: 1"),
        "{}",
        added.stderr
    );
    let found = world.well(&["search", "a windmill", "--format", "json", "-k", "1"]);
    let hit = &found.json()["hits"][0];
    let location = hit["path"].as_str().unwrap();
    assert!(location.ends_with("birds.parquet#2"), "{location}");
    assert_eq!(hit["captions"][0], "caption 1");
    let expected = fs::read(demo().join("pictures/stone-windmill.jpg")).unwrap();
    assert_eq!(fs::read(hit["file"].as_str().unwrap()).unwrap(), expected);
    let again = world.run(&["add", "birds.parquet"]);
    assert!(
        again.stderr.contains("added 0, unchanged 3, failed 2"),
        "{}",
        again.stderr
    );

    let ran = world.run(&["download", "birds.parquet", "--to", "to", "--jsonl"]);
    assert!(
        ran.stderr.starts_with("3 pictures in 5 rows"),
        "{}",
        ran.stderr
    );
    let rows = manifest(&world, "to");
    let valid: Vec<bool> = rows
        .iter()
        .map(|row| row["is_valid"].as_bool().unwrap())
        .collect();
    assert_eq!(valid, [true, true, false, true, false]);
    assert_eq!(rows[2]["reason"], "empty");
    assert_eq!(rows[1]["caption"], "caption 1");
    assert_eq!(
        fs::read(world.path("to").join(rows[1]["file"].as_str().unwrap())).unwrap(),
        expected
    );
}

#[test]
fn parts_that_were_added_apart_are_merged() {
    let world = World::new();
    let host = Host::start();
    world.write("list.tsv", list(&host, 40));
    let add = |store: &str, slice: &[&str]| {
        let arguments = ["add", "list.tsv", "--model", "mini", "--store", store];
        world.run(&[&arguments[..], slice, PATIENT].concat())
    };
    add("one", &["--limit", "25"]);
    add("two", &["--offset", "20"]);
    add("whole", &[]);
    let merge = |from: &str| {
        world.run(&[
            "collection",
            "merge",
            "default",
            "--from-store",
            from,
            "--into",
            "all",
        ])
    };
    // What was fetched is found wherever its store is.
    fs::rename(world.path("one"), world.path("moved")).unwrap();
    world.well(&["collection", "check", "--store", "moved"]);
    assert!(
        merge("moved")
            .stderr
            .contains("default into all: added 18\n")
    );
    // A picture whose file is gone is told, and completed once it is back.
    let fetched = files_below(&world.path("two/downloads"));
    let (picture, aside) = (fetched.first().unwrap(), world.path("aside"));
    fs::rename(picture, &aside).unwrap();
    let lacking = merge("two");
    assert_eq!(lacking.code, 1);
    assert!(
        lacking.stderr.contains("1 with missing files"),
        "{}",
        lacking.stderr
    );
    fs::rename(&aside, picture).unwrap();
    assert!(
        merge("two")
            .stderr
            .contains("default into all: added 0, 14 already there\n")
    );
    // What it has been made of is not needed any more.
    fs::remove_dir_all(world.path("moved")).unwrap();
    fs::remove_dir_all(world.path("two")).unwrap();
    assert_eq!(world.run(&["collection", "check", "all"]).code, 0);
    let found = |arguments: &[&str]| {
        let search = [
            "search",
            "a bird on a branch",
            "-k",
            "40",
            "--format",
            "json",
        ];
        let json = world.well(&[&search[..], arguments].concat()).json();
        let hits = json["hits"].as_array().unwrap().iter();
        let hit = |hit: &serde_json::Value| {
            assert!(Path::new(hit["file"].as_str().unwrap()).exists());
            (
                hit["url"].clone(),
                hit["similarity"].clone(),
                hit["captions"].clone(),
            )
        };
        hits.map(hit).collect::<Vec<_>>()
    };
    assert_eq!(
        found(&["--collection", "all"]),
        found(&["--store", "whole"])
    );
    let error = world.fails(&["collection", "merge", "all", "--into", "all"]);
    assert!(
        error.contains("cannot merge collection `all` into itself"),
        "{error}"
    );
    world.fails(&["collection", "merge", "none", "--into", "all"]);
    let (tiny, picture) = (tiny(), demo().join("pictures/two-perch.jpg"));
    world.well(&[
        "add",
        picture.to_str().unwrap(),
        "--collection",
        "other",
        "--model",
        tiny.to_str().unwrap(),
    ]);
    let error = world.fails(&["collection", "merge", "other", "--into", "all"]);
    assert!(
        error.contains("collections `other` and `all` have different models"),
        "{error}"
    );
}

/// The pictures below a directory.
fn files_below(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let files = entries.flat_map(|path| match path.is_dir() {
        true => files_below(&path),
        false => vec![path],
    });
    files
        .filter(|path| path.extension().is_some_and(|ending| ending == "jpg"))
        .collect()
}
