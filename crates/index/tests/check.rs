//! A check finds all damage, and a repair keeps everything usable.

use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};

use index::{Embedded, EmbeddedIndex, IndexSpec, Metadata, Metric, Query, QueryBy, Report, Vector};
use tempfile::TempDir;

const COUNT: usize = 3_000;

fn vector(number: usize) -> Vector {
    Vector {
        id: format!("{number:04}"),
        values: vec![1.0, number as f32, (number % 7) as f32],
        metadata: Metadata::from_iter([("n".to_owned(), number.into())]),
        sparse_values: None,
    }
}

/// An index with a file, vectors that aren't in it, and removed vectors.
fn index() -> (TempDir, EmbeddedIndex) {
    let directory = tempfile::tempdir().unwrap();
    let engine = Embedded::open(directory.path()).unwrap();
    let spec = IndexSpec {
        name: "photos".into(),
        dimension: 3,
        metric: Metric::Cosine,
    };
    engine.create_index(&spec).unwrap();
    let index = engine.index("photos").unwrap();
    let all: Vec<_> = (0..COUNT).map(vector).collect();
    index.upsert("", &all[100..]).unwrap();
    index.refresh("").unwrap();
    index.upsert("", &all[..110]).unwrap();
    (directory, index)
}

fn in_database(directory: &TempDir, statement: &str) {
    let path = directory.path().join("vectors.sqlite3");
    let connection = rusqlite::Connection::open(path).unwrap();
    assert!(
        connection.execute(statement, []).unwrap() > 0,
        "{statement}"
    );
}

/// Damages an index, then checks and repairs it.
#[track_caller]
fn case(damage: impl FnOnce(&TempDir), expected: &Report, left: usize) {
    let (directory, index) = index();
    assert!(index.check("", 1).unwrap().is_sound());
    damage(&directory);
    let report = index.check("", 1).unwrap();
    let bare = |report: &Report| Report {
        damaged: Vec::new(),
        ..report.clone()
    };
    assert_eq!(bare(&report), bare(expected));
    assert!(!report.is_sound());
    let index = Embedded::open(directory.path())
        .unwrap()
        .index("photos")
        .unwrap();
    assert_eq!(index.repair("").unwrap(), report);
    let repaired = index.check("", 1).unwrap();
    assert!(repaired.is_sound(), "{repaired:?}");
    assert_eq!(repaired.vector_count, left as u64);
    assert_eq!(index.count("").unwrap(), left as u64);
    let query = Query::new(QueryBy::Values(vec![1.0, 1.0, 1.0]), 10_000);
    assert_eq!(index.query("", &query).unwrap().len(), left);
}

fn found() -> Report {
    Report {
        vector_count: COUNT as u64,
        ..Report::default()
    }
}

#[track_caller]
fn damaged_vector(change: &str, id: &str, what: &str) {
    let statement = format!("UPDATE vectors SET {change} WHERE id = '{id}'");
    let damage = |directory: &TempDir| {
        in_database(directory, &statement);
        let index = Embedded::open(directory.path())
            .unwrap()
            .index("photos")
            .unwrap();
        let damaged = index.check("", 1).unwrap().damaged;
        let damaged: Vec<_> = damaged
            .iter()
            .map(|each| (each.id.as_str(), each.what))
            .collect();
        assert_eq!(damaged, [(id, what)]);
    };
    case(damage, &found(), COUNT - 1);
}

#[test]
fn vectors_that_cannot_be_used() {
    for id in ["0005", "2000"] {
        damaged_vector("vector = x'00'", id, "its values have the wrong length");
        damaged_vector("vector = zeroblob(12)", id, "all its values are zero");
        let what = "one of its values is not a finite number";
        damaged_vector("vector = x'0000c07f0000803f0000803f'", id, what);
        damaged_vector("metadata = '[1'", id, "its metadata is not a JSON object");
        let what = "its id or metadata is not text";
        damaged_vector("metadata = CAST(x'ff' AS TEXT)", id, what);
    }
}

#[test]
fn a_wrong_count() {
    let expected = Report {
        recorded_count: Some(7),
        ..found()
    };
    let damage =
        |directory: &TempDir| in_database(directory, "UPDATE namespaces SET vector_count = 7");
    case(damage, &expected, COUNT);
}

#[test]
fn files_that_hold_something_else() {
    let expected = Report {
        not_derived: vec!["2000".into()],
        ..found()
    };
    let change = "UPDATE vectors SET vector = x'0000803f0000803f0000803f' WHERE id = '2000'";
    case(|directory| in_database(directory, change), &expected, COUNT);

    let expected = Report {
        vector_count: COUNT as u64 - 1,
        recorded_count: Some(COUNT as i64),
        left_over: 1,
        ..Report::default()
    };
    let change = "DELETE FROM vectors WHERE id = '2000'";
    case(
        |directory| in_database(directory, change),
        &expected,
        COUNT - 1,
    );
}

#[test]
fn a_sample_is_less_than_all() {
    let (directory, index) = index();
    let change = "UPDATE vectors SET vector = x'0000803f0000803f0000803f' WHERE id = '2001'";
    in_database(&directory, change);
    assert!(index.check("", 1_000_000).unwrap().is_sound());
    assert_eq!(index.check("", 1).unwrap().not_derived, ["2001"]);
}

#[test]
fn damaged_and_missing_files() {
    for delete in [false, true] {
        let (directory, index) = index();
        let mut files = fs::read_dir(directory.path().join("segments")).unwrap();
        let path = files.next().unwrap().unwrap().path();
        let mut bytes = fs::read(&path).unwrap();
        bytes[200] ^= 1;
        fs::remove_file(&path).unwrap();
        if !delete {
            fs::write(&path, bytes).unwrap();
        }
        let name = path.file_name().unwrap().to_str().unwrap();
        let report = index.check("", 1).unwrap();
        assert_eq!(
            report,
            Report {
                bad_files: vec![name.to_owned()],
                ..found()
            }
        );
        index.repair("").unwrap();
        assert!(index.check("", 1).unwrap().is_sound());
        assert_eq!(index.count("").unwrap(), COUNT as u64);
    }
}

#[test]
fn what_does_not_exist_is_sound() {
    let (_directory, index) = index();
    assert!(index.check("nowhere", 1).unwrap().is_sound());
    assert!(index.repair("nowhere").unwrap().is_sound());
}

#[test]
fn a_damaged_database() {
    let (directory, index) = index();
    drop(index);
    let path = directory.path().join("vectors.sqlite3");
    let engine = Embedded::open(directory.path()).unwrap();
    assert_eq!(engine.check().unwrap(), [""; 0]);
    drop(engine);
    let mut file = fs::File::options()
        .read(true)
        .write(true)
        .open(path)
        .unwrap();
    let mut page = vec![0; 16_384];
    // The first byte of a page is its type. Most of the file is pages of tables.
    for number in 8..12 {
        file.seek(SeekFrom::Start(number * 16_384)).unwrap();
        file.read_exact(&mut page).unwrap();
        page[3..9].fill(0xff);
        file.seek(SeekFrom::Start(number * 16_384)).unwrap();
        file.write_all(&page).unwrap();
    }
    drop(file);
    let engine = Embedded::open(directory.path()).unwrap();
    let lines = engine.check();
    assert!(lines.is_err() || !lines.unwrap().is_empty());
}
