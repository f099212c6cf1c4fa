use serde_json::{Value, json};

use crate::world::World;

/// The article's steps: create, stats, upsert, stats, query, delete.
#[test]
fn an_index_lives_from_create_to_drop() {
    let world = World::new();
    world.well(&["index", "create", "clip-image-search", "--dimension", "3"]);
    let stats = world.well(&["index", "stats", "clip-image-search"]).json();
    assert_eq!(
        (&stats["dimension"], &stats["totalVectorCount"]),
        (&json!(3), &json!(0))
    );
    let vectors = [
        json!({"id": "0", "values": [1.0, 0.0, 0.1], "metadata": {"ID": 0, "caption": "a dog"}}),
        json!({"id": "1", "values": [0.0, 1.0, 0.1], "metadata": {"ID": 1, "caption": "a cat"}}),
        json!({"id": "2", "values": [0.7, 0.7, 0.0], "metadata": {"ID": 2, "caption": "both"}}),
    ];
    let lines: Vec<String> = vectors.iter().map(Value::to_string).collect();
    world.write("vectors.jsonl", lines.join("\n"));
    let written = world
        .well(&["index", "upsert", "clip-image-search", "vectors.jsonl"])
        .json();
    assert_eq!(written["upsertedCount"], 3);
    let query = |more: &[&str]| {
        let arguments = [
            "index",
            "query",
            "clip-image-search",
            "--include-metadata",
            "-k",
            "2",
        ];
        let matches = world.well(&[&arguments, more].concat()).json()["matches"].clone();
        matches
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["metadata"]["caption"].clone())
            .collect()
    };
    let found: Vec<Value> = query(&["--vector", "[1, 0, 0]"]);
    assert_eq!(found, ["a dog", "both"]);
    let found: Vec<Value> = query(&["--id", "1", "--filter", r#"{"ID": {"$ne": 1}}"#]);
    assert_eq!(found, ["both", "a dog"]);
    world.well(&[
        "index",
        "update",
        "clip-image-search",
        "2",
        "--metadata",
        r#"{"seen": true}"#,
    ]);
    let fetched = world
        .well(&["index", "fetch", "clip-image-search", "2"])
        .json();
    assert_eq!(
        fetched["vectors"]["2"]["metadata"],
        json!({"ID": 2, "caption": "both", "seen": true})
    );
    assert_eq!(
        world.well(&["index", "ids", "clip-image-search"]).json(),
        json!({"vectors": [{"id": "0"}, {"id": "1"}, {"id": "2"}], "namespace": ""})
    );
    world.well(&["index", "delete", "clip-image-search", "0"]);
    assert_eq!(
        world
            .run(&["index", "delete", "clip-image-search", "0"])
            .code,
        1
    );
    world.well(&["index", "drop", "clip-image-search"]);
    assert_eq!(world.well(&["index", "list"]).json(), json!([]));
}

#[test]
fn an_index_of_sparse_vectors_is_searched_by_them() {
    let world = World::new();
    let index = |arguments: &[&str]| world.well(&[&["index"], arguments].concat());
    let made = index(&["create", "words", "--sparse"]).json();
    // It has no dimension, in place of one of 0.
    assert_eq!(
        made,
        json!({"name": "words", "metric": "dotproduct", "vectorCount": 0})
    );
    world.write(
        "vectors.jsonl",
        "{\"id\": \"a\", \"sparse_values\": {\"indices\": [3, 900], \"values\": [1, 2]}}\n\
         {\"id\": \"b\", \"sparse_values\": {\"indices\": [3], \"values\": [4]}}\n",
    );
    index(&["upsert", "words", "vectors.jsonl"]);
    let like = r#"{"indices": [900, 7], "values": [0.5, 1]}"#;
    let found = index(&["query", "words", "--sparse-vector", like]).json();
    assert_eq!(found["matches"], json!([{"id": "a", "score": 1.0}]));
    let changed = r#"{"indices": [900], "values": [8]}"#;
    index(&["update", "words", "b", "--sparse-values", changed]);
    let found = index(&["query", "words", "--sparse-vector", like]).json();
    assert_eq!(found["matches"][0], json!({"id": "b", "score": 4.0}));
    let stats = index(&["stats", "words"]).json();
    assert_eq!(stats.get("dimension"), None);
    assert_eq!(stats["totalVectorCount"], 2);
    let error = world.fails(&["index", "query", "words", "--vector", "[1]"]);
    assert!(error.contains("sparse"), "{error}");
}

#[test]
fn a_wrong_line_is_named_and_nothing_of_its_batch_written() {
    let world = World::new();
    world.well(&["index", "create", "i", "--dimension", "2"]);
    world.write(
        "vectors.jsonl",
        "{\"id\": \"a\", \"values\": [1, 0]}\n{\"id\": \"b\"}\n",
    );
    let error = world.fails(&["index", "upsert", "i", "vectors.jsonl"]);
    assert!(
        error.starts_with("error: line 2 is not a vector"),
        "{error}"
    );
    world.write("vectors.jsonl", "{\"id\": \"a\", \"values\": [1, 0, 0]}\n");
    let error = world.fails(&["index", "upsert", "i", "vectors.jsonl"]);
    assert!(
        error.contains('2') && error.contains('3') && error.contains("`i`"),
        "{error}"
    );
    let stats = world.well(&["index", "stats", "i"]).json();
    assert_eq!(stats["totalVectorCount"], 0);
}

#[test]
fn the_index_of_a_collection_is_read_but_not_changed() {
    let world = World::with_pictures(&["two-perch.jpg", "orange-hammer.jpg"]);
    let stats = world.well(&["index", "stats", "default"]).json();
    assert_eq!(stats["namespaces"]["images"]["vectorCount"], 2);
    let error = world.fails(&["index", "drop", "default"]);
    assert!(
        error.starts_with("error: index `default` belongs to the collection"),
        "{error}"
    );
    assert!(
        error.contains("clipseek collection delete default"),
        "{error}"
    );
    for change in [
        &["delete", "default", "-n", "images", "--all"][..],
        &["upsert", "default", "-n", "captions"],
        &["update", "default", "x", "-n", "images", "--metadata", "{}"],
    ] {
        let error = world.fails(&[&["index"], change].concat());
        assert!(error.contains("belongs to the collection"), "{error}");
    }
    // Namespaces of the index that are not the collection's are anyone's.
    let line = json!({"id": "a", "values": vec![0.1; 256]}).to_string();
    world.write("notes.jsonl", line);
    let notes = ["default", "-n", "notes"];
    world.well(&[&["index", "upsert"], &notes[..], &["notes.jsonl"]].concat());
    let error = world.fails(&[&["index", "delete"], &notes[..], &["--filter", "{}"]].concat());
    assert!(error.contains("use --all"), "{error}");
    world.well(&[&["index", "delete"], &notes[..], &["--all"]].concat());
    let ran = world.run(&["index", "delete", "default", "--all"]);
    assert_eq!(ran.code, 1);
    let namespaces = "it has: images (2 vectors)";
    assert!(ran.stderr.contains(namespaces), "{}", ran.stderr);
    let checked = world.well(&["collection", "check"]);
    assert!(checked.stderr.contains("no faults"), "{}", checked.stderr);
}
