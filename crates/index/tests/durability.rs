//! Acknowledged writes survive SIGKILL, and none is half done.
#![cfg(unix)]

use std::ffi::OsString;
use std::fs::{self, DirEntry};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use index::{Embedded, IndexSpec, Metric, Query, QueryBy, Selection, Vector};
use serde_json::json;

const DIRECTORY: &str = "INDEX_TEST_DIRECTORY";
const BATCH: usize = 50;
const ROUNDS: u64 = 12;
/// A timeout that even a very busy machine meets.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// Batch `number`: each has the same number of vectors, and all of them carry the batch's number.
fn batch(number: u64) -> Vec<Vector> {
    (0..BATCH)
        .map(|position| Vector {
            id: format!("{position}"),
            values: vec![number as f32, position as f32],
            metadata: json!({"batch": number}).as_object().unwrap().clone(),
            sparse_values: None,
        })
        .collect()
}

/// Not a test by itself: the process that the test below kills. It replaces one batch by the next, searches,
/// writes derived files, and prints each number once it's acknowledged.
#[test]
#[ignore = "the process that another test kills"]
fn writer() {
    let directory = std::env::var(DIRECTORY).expect("another test starts it");
    let index = Embedded::open(Path::new(&directory))
        .unwrap()
        .index("photos")
        .unwrap();
    let first = stored(&index).map_or(0, |number| number + 1);
    for number in first.. {
        index.upsert("", &batch(number)).unwrap();
        index
            .upsert(&format!("namespace {number}"), &batch(number))
            .unwrap();
        println!("\nacknowledged {number}");
        if number % 3 == 0 {
            index.refresh("").unwrap();
        }
        if let Some(old) = number.checked_sub(5) {
            index
                .delete(&format!("namespace {old}"), &Selection::All)
                .unwrap();
        }
    }
}

/// The number of the stored batch, which must be complete, both by ids and by a search.
fn stored(index: &index::EmbeddedIndex) -> Option<u64> {
    let vectors: Vec<_> = index.vectors("").map(Result::unwrap).collect();
    let number = vectors.first()?.metadata["batch"].as_u64()?;
    let mut expected = batch(number);
    expected.sort_by(|one, other| one.id.cmp(&other.id));
    assert_eq!(vectors, expected);
    assert_eq!(searched(index), number);
    Some(number)
}

/// The number of the batch that a search finds, which must be complete.
fn searched(index: &index::EmbeddedIndex) -> u64 {
    let query = Query::new(QueryBy::Values(vec![1.0, 0.0]), 2 * BATCH);
    let found = index.query("", &query).unwrap();
    assert_eq!(found.len(), BATCH);
    assert!(found.iter().all(|each| each.score == found[0].score));
    found[0].score as u64
}

/// The length and the time of each file in a directory.
fn files(directory: &Path) -> Vec<(OsString, Option<(u64, SystemTime)>)> {
    let state = |entry: DirEntry| {
        // It may be deleted meanwhile.
        let metadata = entry.metadata().ok();
        let state = metadata.map(|it| (it.len(), it.modified().unwrap()));
        (entry.file_name(), state)
    };
    let entries = fs::read_dir(directory).unwrap();
    entries.map(|entry| state(entry.unwrap())).collect()
}

/// Waits until one of the directory's files changes.
fn await_change(directory: &Path) {
    let (before, start) = (files(directory), Instant::now());
    while files(directory) == before {
        assert!(start.elapsed() < LONGEST_WAIT, "the writer writes nothing");
    }
}

#[test]
fn what_was_acknowledged_survives_sigkill() {
    let directory = tempfile::tempdir().unwrap();
    let engine = Embedded::open(directory.path()).unwrap();
    let spec = IndexSpec {
        name: "photos".into(),
        dimension: 2,
        metric: Metric::Dotproduct,
    };
    engine.create_index(&spec).unwrap();
    let beside = engine.index("photos").unwrap();
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "writer", "--ignored", "--nocapture"])
            .env(DIRECTORY, directory.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map(Result::unwrap);
        let number = |line: String| line.strip_prefix("acknowledged ")?.parse::<u64>().ok();
        // Waits for at least one acknowledgement before the kill, and then a little longer.
        let first = lines.by_ref().find_map(number).expect("the writer writes");
        for _ in 0..5 {
            searched(&beside);
        }
        for _ in 0..round {
            await_change(directory.path());
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let last = lines.filter_map(number).last().unwrap_or(first);

        let index = Embedded::open(directory.path())
            .unwrap()
            .index("photos")
            .unwrap();
        let stored = stored(&index).expect("a batch was acknowledged");
        assert!(
            stored == last || stored == last + 1,
            "{stored} stored, {last} acknowledged"
        );
    }
}
