//! What the engine guarantees besides exact searches: errors, limits, JSON forms, versions, sharing.

use std::fs;
use std::path::Path;
use std::sync::Barrier;

use index::{
    Embedded, EmbeddedIndex, Error, Filter, IndexSpec, Metric, Query, QueryBy, Selection, Update,
    Vector,
};
use serde_json::json;
use tempfile::TempDir;

fn spec(name: &str, metric: Metric) -> IndexSpec {
    IndexSpec {
        name: name.to_owned(),
        dimension: 3,
        metric,
    }
}

fn engine() -> (TempDir, Embedded) {
    let directory = tempfile::tempdir().unwrap();
    let engine = Embedded::open(directory.path()).unwrap();
    (directory, engine)
}

/// An index of dimension 3. Keep the first value alive: it's the directory.
fn index(metric: Metric) -> (TempDir, EmbeddedIndex) {
    let (directory, engine) = engine();
    engine.create_index(&spec("photos", metric)).unwrap();
    let index = engine.index("photos").unwrap();
    (directory, index)
}

fn vector(id: &str, values: [f32; 3]) -> Vector {
    Vector {
        id: id.to_owned(),
        values: values.to_vec(),
        metadata: index::Metadata::new(),
        sparse_values: None,
    }
}

fn by_values(values: [f32; 3], top_k: usize) -> Query {
    Query::new(QueryBy::Values(values.to_vec()), top_k)
}

fn ids(index: &EmbeddedIndex, query: &Query) -> Vec<String> {
    index
        .query("", query)
        .unwrap()
        .into_iter()
        .map(|found| found.id)
        .collect()
}

#[track_caller]
fn fails<T>(result: Result<T, Error>, expected: &str) {
    assert_eq!(
        result.err().map(|error| error.to_string()).as_deref(),
        Some(expected)
    );
}

#[test]
fn indexes_come_and_go() {
    let (_directory, engine) = engine();
    engine
        .create_index(&spec("photos", Metric::Cosine))
        .unwrap();
    engine
        .create_index(&spec("drawings", Metric::Euclidean))
        .unwrap();
    fails(
        engine.create_index(&spec("photos", Metric::Cosine)),
        "index `photos` already exists",
    );
    let names: Vec<_> = engine
        .list_indexes()
        .unwrap()
        .into_iter()
        .map(|each| each.name)
        .collect();
    assert_eq!(names, ["drawings", "photos"]);
    let photos = engine.index("photos").unwrap();
    photos.upsert("", &[vector("a", [1.0, 0.0, 0.0])]).unwrap();
    assert_eq!(
        engine.describe_index("photos").unwrap().vector_count,
        Some(1)
    );

    engine.drop_index("photos").unwrap();
    fails(engine.index("photos"), "index `photos` does not exist");
    fails(engine.drop_index("photos"), "index `photos` does not exist");
    engine
        .create_index(&spec("photos", Metric::Cosine))
        .unwrap();
    // The old handle doesn't write into the new index with that name.
    fails(
        photos.upsert("", &[vector("a", [1.0, 0.0, 0.0])]),
        "index `photos` does not exist",
    );
    fails(
        photos.query("", &by_values([1.0, 0.0, 0.0], 1)),
        "index `photos` does not exist",
    );
    assert_eq!(engine.index("photos").unwrap().count("").unwrap(), 0);
}

#[test]
fn wrong_input_is_refused_and_changes_nothing() {
    let (_directory, index) = index(Metric::Cosine);
    let good = vector("good", [1.0, 0.0, 0.0]);
    let upsert = |bad: Vector| index.upsert("", &[good.clone(), bad]);
    fails(
        upsert(Vector {
            values: vec![1.0],
            ..vector("bad", [0.0; 3])
        }),
        "index `photos` has dimension 3, the vector has 1",
    );
    fails(
        upsert(vector("bad", [1.0, f32::INFINITY, 0.0])),
        "value 1 of the vector is inf, not a finite number",
    );
    fails(
        upsert(vector("bad", [0.0; 3])),
        "cosine similarity is undefined for an all-zero vector, which index `photos` can't store",
    );
    fails(
        index.upsert(&"n".repeat(513), std::slice::from_ref(&good)),
        "a namespace of 513 bytes is longer than 512",
    );
    fails(
        upsert(vector("", [1.0; 3])),
        "an id of 0 characters is not between 1 and 512",
    );
    let metadata = json!({"deep": {"a": 1}}).as_object().unwrap().clone();
    fails(
        upsert(Vector {
            metadata,
            ..vector("bad", [1.0; 3])
        }),
        "metadata key `deep` is an object: expected a string, a number, a boolean or a list of strings",
    );
    assert_eq!(index.count("").unwrap(), 0);

    fails(
        index.query("", &by_values([1.0; 3], 0)),
        "top_k 0 is not between 1 and 10000",
    );
    fails(
        index.query("", &by_values([1.0; 3], 10_001)),
        "top_k 10001 is not between 1 and 10000",
    );
    fails(
        index.query("x", &Query::new(QueryBy::Id("a".into()), 1)),
        "index `photos` has no vector `a` in namespace `x`",
    );
    fails(
        index.update("", "a", &Update::default()),
        "index `photos` has no vector `a` in namespace ``",
    );
}

#[test]
fn a_query_of_zeros_gives_the_first_ids() {
    let (_directory, index) = index(Metric::Cosine);
    let vectors = ["c", "a", "d", "b"].map(|id| Vector {
        metadata: json!({"is_d": id == "d"}).as_object().unwrap().clone(),
        ..vector(id, [1.0, 0.5, 0.0])
    });
    index.upsert("", &vectors).unwrap();
    let mut query = by_values([0.0; 3], 3);
    let found = index.query("", &query).unwrap();
    let found: Vec<_> = found.iter().map(|it| (it.id.as_str(), it.score)).collect();
    assert_eq!(found, [("a", 0.0), ("b", 0.0), ("c", 0.0)]);
    query.filter = Some(Filter::parse(&json!({"is_d": true})).unwrap());
    (query.include_values, query.include_metadata) = (true, true);
    let found = index.query("", &query).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].values.as_deref(), Some(&[1.0, 0.5, 0.0][..]));
    assert_eq!(found[0].metadata.as_ref(), Some(&vectors[2].metadata));
    assert!(index.query("elsewhere", &query).unwrap().is_empty());
}

#[test]
fn the_last_of_one_id_counts() {
    let (_directory, index) = index(Metric::Dotproduct);
    let vectors = [
        vector("a", [1.0, 0.0, 0.0]),
        vector("b", [2.0, 0.0, 0.0]),
        vector("a", [3.0, 0.0, 0.0]),
    ];
    assert_eq!(index.upsert("", &vectors).unwrap(), 2);
    assert_eq!(
        index.fetch("", &["b", "nowhere", "a"]).unwrap(),
        vectors[1..]
    );
    assert_eq!(ids(&index, &by_values([1.0, 0.0, 0.0], 10)), ["a", "b"]);
}

#[test]
fn updates_merge_metadata() {
    let (_directory, index) = index(Metric::Euclidean);
    let object = |value: serde_json::Value| value.as_object().unwrap().clone();
    let metadata = object(json!({"a": 1, "b": 2}));
    index
        .upsert(
            "",
            &[Vector {
                metadata,
                ..vector("x", [0.0; 3])
            }],
        )
        .unwrap();
    let metadata = Some(object(json!({"b": "new", "c": true})));
    index
        .update(
            "",
            "x",
            &Update {
                values: None,
                metadata,
                sparse_values: None,
            },
        )
        .unwrap();
    index
        .update(
            "",
            "x",
            &Update {
                values: Some(vec![1.0; 3]),
                metadata: None,
                sparse_values: None,
            },
        )
        .unwrap();
    let expected = object(json!({"a": 1, "b": "new", "c": true}));
    let expected = Vector {
        metadata: expected,
        ..vector("x", [1.0; 3])
    };
    assert_eq!(index.fetch("", &["x"]).unwrap(), [expected]);
}

#[test]
fn ids_are_listed_in_order() {
    let (_directory, index) = index(Metric::Cosine);
    let vectors = ["b", "a/2", "a/1", "a", "ä", "a/3"].map(|id| vector(id, [1.0; 3]));
    index.upsert("", &vectors).unwrap();
    let list = |prefix, limit, after| index.list("", prefix, limit, after).unwrap();
    assert_eq!(list("", 10, None), ["a", "a/1", "a/2", "a/3", "b", "ä"]);
    assert_eq!(list("a/", 10, None), ["a/1", "a/2", "a/3"]);
    assert_eq!(list("a/", 1, Some("a/1")), ["a/2"]);
    assert_eq!(list("a/", 10, Some("b")), [""; 0]);
    assert_eq!(list("", 0, None), [""; 0]);
    assert_eq!(index.list("nowhere", "", 10, None).unwrap(), [""; 0]);
    let walked: Vec<_> = index.vectors("").map(|vector| vector.unwrap().id).collect();
    assert_eq!(walked, list("", 10, None));
}

#[test]
fn a_long_namespace_is_walked_page_by_page() {
    let (_directory, index) = index(Metric::Cosine);
    let vectors: Vec<_> = (0..1000)
        .map(|number| vector(&format!("{number:04}"), [1.0; 3]))
        .collect();
    index.upsert("", &vectors).unwrap();
    assert!(index.vectors("").map(Result::unwrap).eq(vectors));
}

#[test]
fn deleting_says_how_many() {
    let (_directory, index) = index(Metric::Cosine);
    let vectors = ["a", "b", "c"].map(|id| vector(id, [1.0; 3]));
    index.upsert("", &vectors).unwrap();
    index.upsert("other", &vectors).unwrap();
    let two = Selection::Ids(vec!["a".into(), "a".into(), "nowhere".into()]);
    assert_eq!(index.delete("", &two).unwrap(), 1);
    assert_eq!(index.delete("", &two).unwrap(), 0);
    assert_eq!(index.delete("", &Selection::All).unwrap(), 2);
    assert_eq!(index.delete("", &Selection::All).unwrap(), 0);
    let all = Selection::Filter(Filter::parse(&json!({})).unwrap());
    assert_eq!(index.delete("nowhere", &all).unwrap(), 0);
    assert_eq!(index.namespaces().unwrap(), ["other"]);
    assert_eq!(index.delete("other", &all).unwrap(), 3);
    assert_eq!(index.namespaces().unwrap(), [""; 0]);
}

#[test]
fn equal_scores_are_in_order_of_ids() {
    for metric in Metric::ALL {
        let (_directory, index) = index(metric);
        let vectors = ["d", "b", "a", "c"].map(|id| vector(id, [0.3, 0.5, 0.1]));
        index.upsert("", &vectors).unwrap();
        for top_k in 1..=4 {
            let expected = &["a", "b", "c", "d"][..top_k];
            assert_eq!(ids(&index, &by_values([0.1, 0.2, 0.3], top_k)), expected);
        }
    }
}

#[test]
fn scores_are_pinecones() {
    let score = |metric, values| {
        let (_directory, index) = index(metric);
        index.upsert("", &[vector("a", [0.0, 3.0, 4.0])]).unwrap();
        index.query("", &by_values(values, 1)).unwrap()[0].score
    };
    assert_eq!(score(Metric::Cosine, [0.0, 0.0, 2.0]), 0.8);
    assert_eq!(score(Metric::Dotproduct, [0.0, 0.0, 2.0]), 8.0);
    assert_eq!(score(Metric::Euclidean, [0.0, 0.0, 2.0]), 13.0);
}

#[test]
fn wire_forms_are_pinecones() {
    let (_directory, index) = index(Metric::Cosine);
    let vectors: Vec<Vector> = serde_json::from_value(json!([
        {"id": "a", "values": [1.0, 0.0, 0.0], "metadata": {"genre": "drama"}},
        {"id": "b", "values": [0.0, 1.0, 0.0]},
    ]))
    .unwrap();
    index.upsert("", &vectors).unwrap();
    assert_eq!(
        serde_json::to_value(index.stats().unwrap()).unwrap(),
        json!({
            "namespaces": {"": {"vectorCount": 2}},
            "dimension": 3,
            "totalVectorCount": 2,
            "metric": "cosine",
        })
    );
    let query: Query = serde_json::from_value(json!({
        "id": "a",
        "topK": 1,
        "filter": {"genre": {"$in": ["drama"]}},
        "includeMetadata": true,
    }))
    .unwrap();
    assert_eq!(
        serde_json::to_value(index.query("", &query).unwrap()).unwrap(),
        json!([{"id": "a", "score": 1.0, "metadata": {"genre": "drama"}}])
    );
    let query = json!({"vector": [1.0, 0.0, 0.0], "topK": 1, "filter": {"a": {"$like": 1}}});
    let error = serde_json::from_value::<Query>(query)
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("filter operator `$like` is unknown"),
        "{error}"
    );
}

fn in_database(directory: &Path, statement: &str) {
    let connection = rusqlite::Connection::open(directory.join("vectors.sqlite3")).unwrap();
    connection.execute_batch(statement).unwrap();
}

#[test]
fn other_files_are_refused() {
    let (directory, engine) = engine();
    drop(engine);
    let path = directory.path().join("vectors.sqlite3");
    let shown = path.display();

    in_database(directory.path(), "PRAGMA user_version = 4");
    fails(
        Embedded::open(directory.path()),
        &format!("`{shown}` has format version 4; this program reads versions up to 3"),
    );
    in_database(
        directory.path(),
        "PRAGMA user_version = 1; PRAGMA application_id = 7",
    );
    let foreign = format!("`{shown}` is not a clipseek vector database");
    fails(Embedded::open(directory.path()), &foreign);
    fs::write(
        &path,
        "not a database, but long enough to be taken for one. ".repeat(100),
    )
    .unwrap();
    fails(Embedded::open(directory.path()), &foreign);
}

#[test]
fn a_file_in_the_directories_place_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    fs::write(&path, "").unwrap();
    assert!(matches!(Embedded::open(&path), Err(Error::Io { .. })));
}

/// A database restored from a backup must not be searched with newer files.
#[test]
fn files_of_another_history_are_not_used() {
    let (directory, index) = index(Metric::Dotproduct);
    let database = directory.path().join("vectors.sqlite3");
    let copy = directory.path().join("copy");
    let write = |index: &EmbeddedIndex, value: f32| {
        index
            .upsert(
                "",
                &[vector("a", [value, 0.0, 0.0]), vector("b", [1.0, 0.0, 0.0])],
            )
            .unwrap();
    };
    write(&index, 2.0);
    index.refresh("").unwrap();
    in_database(directory.path(), "PRAGMA wal_checkpoint(TRUNCATE)");
    fs::copy(&database, &copy).unwrap();
    write(&index, 0.5);
    index.refresh("").unwrap();
    assert_eq!(ids(&index, &by_values([1.0, 0.0, 0.0], 1)), ["b"]);
    drop(index);

    fs::copy(&copy, &database).unwrap();
    let restored = Embedded::open(directory.path())
        .unwrap()
        .index("photos")
        .unwrap();
    write(&restored, 3.0);
    assert_eq!(ids(&restored, &by_values([1.0, 0.0, 0.0], 1)), ["a"]);
}

#[test]
fn a_directory_can_be_opened_by_many_at_once() {
    for _ in 0..10 {
        open_by_many();
    }
}

fn open_by_many() {
    let directory = tempfile::tempdir().unwrap();
    let barrier = Barrier::new(6);
    std::thread::scope(|scope| {
        for thread in 0..6 {
            let (directory, barrier) = (directory.path(), &barrier);
            scope.spawn(move || {
                barrier.wait();
                let engine = Embedded::open(directory).unwrap();
                let name = format!("index-{thread}");
                engine.create_index(&spec(&name, Metric::Cosine)).unwrap();
            });
        }
    });
    assert_eq!(
        Embedded::open(directory.path())
            .unwrap()
            .list_indexes()
            .unwrap()
            .len(),
        6
    );
}

/// Each write replaces all vectors by ones with the same sum. A search that saw part of a write would see
/// another sum.
#[test]
fn searches_see_whole_writes() {
    let (directory, writer) = index(Metric::Dotproduct);
    let write = |round: u8| {
        let vectors: Vec<_> = (0..40_u8)
            .map(|number| {
                let value = if (number + round).is_multiple_of(2) {
                    1.0
                } else {
                    2.0
                };
                vector(&format!("{number}"), [value, 0.0, 0.0])
            })
            .collect();
        writer.upsert("", &vectors).unwrap();
    };
    write(0);
    let reader = Embedded::open(directory.path())
        .unwrap()
        .index("photos")
        .unwrap();
    std::thread::scope(|scope| {
        let readers: Vec<_> = [&reader, &reader, &writer]
            .into_iter()
            .map(|index| {
                scope.spawn(move || {
                    for _ in 0..60 {
                        let found = index.query("", &by_values([1.0, 0.0, 0.0], 100)).unwrap();
                        let sum: f32 = found.iter().map(|found| found.score).sum();
                        assert_eq!((found.len(), sum), (40, 60.0));
                    }
                })
            })
            .collect();
        for round in 1..60 {
            write(round);
            if round % 7 == 0 {
                writer.refresh("").unwrap();
            }
        }
        for reader in readers {
            reader.join().unwrap();
        }
    });
}

#[test]
fn files_go_with_their_namespaces() {
    let (directory, engine) = engine();
    engine
        .create_index(&spec("photos", Metric::Cosine))
        .unwrap();
    let index = engine.index("photos").unwrap();
    let files = || {
        fs::read_dir(directory.path().join("segments"))
            .unwrap()
            .count()
    };
    for namespace in ["a", "b", "c"] {
        index.upsert(namespace, &[vector("x", [1.0; 3])]).unwrap();
        index.refresh(namespace).unwrap();
        index.refresh(namespace).unwrap();
    }
    assert_eq!(files(), 3);
    index.delete("a", &Selection::All).unwrap();
    assert_eq!(files(), 2);
    index
        .delete("b", &Selection::Ids(vec!["x".into()]))
        .unwrap();
    assert_eq!(files(), 1);
    engine.drop_index("photos").unwrap();
    assert_eq!(files(), 0);
}

#[test]
fn a_damaged_database_is_an_error() {
    let (directory, index) = index(Metric::Cosine);
    let vectors = [vector("a", [1.0; 3]), vector("b", [1.0; 3])];
    let query = by_values([1.0; 3], 1);
    for damage in [
        "UPDATE vectors SET vector = zeroblob(8) WHERE id = 'b'",
        "UPDATE vectors SET vector = zeroblob(7) WHERE id = 'b'",
        "UPDATE vectors SET metadata = '[1' WHERE id = 'b'",
    ] {
        index.upsert("", &vectors).unwrap();
        in_database(directory.path(), damage);
        assert!(matches!(
            index.query("", &query),
            Err(Error::DamagedVector { .. })
        ));
    }
}
