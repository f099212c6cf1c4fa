//! What every engine does alike: each test runs on the embedded engine, and on the engine `pinecone` with this
//! server behind it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use clipseek::{Clipseek, Settings};
use index::{
    ApiKey, Deployment, Embedded, Engine, Error, Filter, Index, IndexSettings, IndexSpec, Metadata,
    Metric, Pinecone, PineconeSettings, Query, QueryBy, Selection, SparseValues, Update, Vector,
};
use serde_json::{Value, json};
use server::{Keys, Server, ServerOptions};
use tempfile::TempDir;
use tokio::sync::oneshot;

/// Runs each of these on both engines.
macro_rules! on_both_engines {
    ($($test:ident),* $(,)?) => {
        mod embedded {
            $(#[test] fn $test() { super::$test(&super::World::embedded().engine); })*
        }
        mod pinecone {
            $(#[test] fn $test() { super::$test(&super::World::pinecone().engine); })*
        }
    };
}

on_both_engines!(
    indexes_are_made_described_and_dropped,
    indexes_of_bad_form_are_refused,
    settings_are_kept_and_heeded,
    vectors_come_back_as_they_were,
    metrics_rank_as_they_should,
    queries_answer_what_is_asked,
    every_operator_filters,
    lists_go_by_pages,
    searches_regard_what_was_written,
    updates_change_what_they_name,
    filters_update_and_count,
    deletions_take_what_they_name,
    namespaces_are_apart,
    bad_input_is_refused_and_changes_nothing,
    queries_of_zeros_give_the_first_ids,
    many_vectors_go_in_one_call,
    odd_names_are_kept_whole,
    writers_do_not_hinder_each_other,
    dropped_indexes_are_gone_for_those_who_have_them,
    sparse_vectors_are_stored_and_searched,
    dense_and_sparse_values_are_searched_together,
);

/// An engine, and what has to be there as long as it is used.
struct World {
    engine: Engine,
    _server: Option<Served>,
    _directory: TempDir,
}

struct Served {
    end: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.end.take().map(|end| end.send(()));
        let _ = self.thread.take().map(thread::JoinHandle::join);
    }
}

impl World {
    fn embedded() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self {
            engine: Engine::Embedded(Embedded::open(directory.path()).unwrap()),
            _server: None,
            _directory: directory,
        }
    }

    fn pinecone() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clipseek = Clipseek::new(Settings::in_directory(directory.path()));
        let (address, server) = serve(clipseek);
        let settings = PineconeSettings {
            key: Some(ApiKey::new("key").unwrap()),
            controller: format!("http://{address}"),
            ..PineconeSettings::default()
        };
        Self {
            engine: Engine::Pinecone(Pinecone::new(settings).unwrap()),
            _server: Some(server),
            _directory: directory,
        }
    }
}

fn serve(clipseek: Clipseek) -> (SocketAddr, Served) {
    let (end, ended) = oneshot::channel::<()>();
    let (listens, listening) = std::sync::mpsc::channel();
    let thread = thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let options = ServerOptions::new(
                ([127, 0, 0, 1], 0).into(),
                ["key"].into_iter().collect::<Keys>(),
            );
            let server = Server::bind(clipseek, options).await.unwrap();
            listens.send(server.address()).unwrap();
            let end = async {
                let _ = ended.await;
            };
            server.run(end).await.unwrap();
        });
    });
    let served = Served {
        end: Some(end),
        thread: Some(thread),
    };
    (listening.recv().unwrap(), served)
}

// --- what is asked

fn spec(name: &str, metric: Metric) -> IndexSpec {
    IndexSpec {
        name: name.to_owned(),
        dimension: 3,
        metric,
    }
}

/// An index of dimension 3.
fn index(engine: &Engine, metric: Metric) -> Index {
    let spec = spec("things", metric);
    engine
        .create_index(&spec, &IndexSettings::default())
        .unwrap();
    engine.index("things").unwrap()
}

fn object(value: Value) -> Metadata {
    match value {
        Value::Object(object) => object,
        value => panic!("{value} is no object"),
    }
}

fn vector(id: &str, values: [f32; 3]) -> Vector {
    Vector {
        id: id.to_owned(),
        values: values.to_vec(),
        metadata: Metadata::new(),
        sparse_values: None,
    }
}

fn with(id: &str, metadata: Value) -> Vector {
    Vector {
        metadata: object(metadata),
        ..vector(id, [1.0, 2.0, 3.0])
    }
}

fn filter(value: &Value) -> Filter {
    Filter::parse(value).unwrap()
}

fn by(values: [f32; 3], top_k: usize) -> Query {
    Query::new(QueryBy::Values(values.to_vec()), top_k)
}

fn found(index: &Index, namespace: &str, query: &Query) -> Vec<String> {
    let matches = index.query(namespace, query).unwrap().into_iter();
    matches.map(|found| found.id).collect()
}

#[track_caller]
fn fails<T>(result: Result<T, Error>, expected: &str) {
    let message = result.err().map(|error| error.to_string());
    assert_eq!(message.as_deref(), Some(expected));
}

// --- the tests

fn indexes_are_made_described_and_dropped(engine: &Engine) {
    assert!(engine.list_indexes().unwrap().is_empty());
    for (name, metric) in [
        ("photos", Metric::Cosine),
        ("drawings", Metric::Euclidean),
        ("maps", Metric::Dotproduct),
    ] {
        engine
            .create_index(&spec(name, metric), &IndexSettings::default())
            .unwrap();
        let described = engine.describe_index(name).unwrap();
        assert_eq!(
            (
                described.name.as_str(),
                described.dimension,
                described.metric
            ),
            (name, 3, metric)
        );
        let index = engine.index(name).unwrap();
        assert_eq!(
            (index.name(), index.dimension(), index.metric()),
            (name, 3, metric)
        );
    }
    let names = || {
        let indexes = engine.list_indexes().unwrap().into_iter();
        indexes.map(|index| index.name).collect::<Vec<_>>()
    };
    assert_eq!(names(), ["drawings", "maps", "photos"]);
    fails(
        engine.create_index(&spec("maps", Metric::Cosine), &IndexSettings::default()),
        "index `maps` already exists",
    );
    engine.drop_index("maps").unwrap();
    assert_eq!(names(), ["drawings", "photos"]);
    let gone = "index `maps` does not exist";
    fails(engine.drop_index("maps"), gone);
    fails(engine.describe_index("maps"), gone);
    fails(engine.index("maps"), gone);
    fails(engine.settings("maps"), gone);
    fails(engine.configure_index("maps", |_| ()), gone);
}

fn indexes_of_bad_form_are_refused(engine: &Engine) {
    let refused = |spec: IndexSpec| engine.create_index(&spec, &IndexSettings::default());
    for name in ["", "Photos", "a_b", "-a", "a-", &"a".repeat(46)] {
        let refused = refused(spec(name, Metric::Cosine));
        assert!(
            matches!(refused, Err(Error::InvalidIndexName { .. })),
            "{name}"
        );
    }
    let of = |dimension| IndexSpec {
        dimension,
        ..spec("a", Metric::Cosine)
    };
    assert!(matches!(refused(of(0)), Err(Error::SparseMetric { .. })));
    assert!(matches!(
        refused(of(20_001)),
        Err(Error::InvalidDimension { .. })
    ));
    assert!(engine.list_indexes().unwrap().is_empty());
}

fn settings_are_kept_and_heeded(engine: &Engine) {
    let deployment = Deployment::Pod {
        environment: "us-west1-gcp".to_owned(),
        pod_type: "p1.x1".to_owned(),
        replicas: 1,
        shards: 2,
    };
    let settings = IndexSettings {
        deletion_protection: true,
        tags: [("of".to_owned(), "me".to_owned())].into(),
        deployment: Some(deployment.clone()),
        ..IndexSettings::default()
    };
    engine
        .create_index(&spec("kept", Metric::Cosine), &settings)
        .unwrap();
    let kept = engine.settings("kept").unwrap();
    assert_eq!(kept.tags, settings.tags);
    assert_eq!(kept.deployment, Some(deployment));
    fails(
        engine.drop_index("kept"),
        "index `kept` is protected from deletion",
    );
    let changed = engine.configure_index("kept", |settings| {
        settings.deletion_protection = false;
        settings.tags.remove("of");
        settings.tags.insert("for".to_owned(), "you".to_owned());
        if let Some(Deployment::Pod { replicas, .. }) = &mut settings.deployment {
            *replicas = 4;
        }
    });
    let changed = changed.unwrap();
    assert!(!changed.deletion_protection);
    assert_eq!(changed.tags, [("for".to_owned(), "you".to_owned())].into());
    let is_larger = matches!(
        changed.deployment,
        Some(Deployment::Pod { replicas: 4, .. })
    );
    assert!(is_larger, "{changed:?}");
    engine.drop_index("kept").unwrap();
}

fn vectors_come_back_as_they_were(engine: &Engine) {
    let index = index(engine, Metric::Cosine);
    let metadata = json!({
        "text": "ein „Hund“ 🐕\n", "whole": 7, "negative": -3, "part": 0.5, "yes": true,
        "list": ["a", "b"], "none": [], "empty": "",
    });
    let vectors = [
        with("all", metadata),
        vector("plain", [0.1, -0.2, 1e-20]),
        Vector {
            values: vec![f32::MIN_POSITIVE, 16_777_217.0, -0.333_333_34],
            ..vector("exact", [0.0; 3])
        },
    ];
    assert_eq!(index.upsert("", &vectors).unwrap(), 3);
    let fetched = index
        .fetch("", &["exact", "missing", "all", "plain"])
        .unwrap();
    assert_eq!(
        fetched,
        [vectors[2].clone(), vectors[0].clone(), vectors[1].clone()]
    );
    // The last of an id counts, in a call and after it.
    let doubled = [
        vector("plain", [1.0, 0.0, 0.0]),
        vector("plain", [0.0, 1.0, 0.0]),
    ];
    index.upsert("", &doubled).unwrap();
    assert_eq!(index.fetch("", &["plain"]).unwrap(), [doubled[1].clone()]);
    assert_eq!(index.count("").unwrap(), 3);
    assert_eq!(index.upsert("", &[]).unwrap(), 0);
    assert!(index.fetch("", &[]).unwrap().is_empty());
}

fn metrics_rank_as_they_should(engine: &Engine) {
    let vectors = [
        vector("long", [10.0, 10.0, 0.0]),
        vector("near", [1.0, 0.1, 0.0]),
        vector("away", [-1.0, 0.0, 0.0]),
    ];
    for (metric, order, best) in [
        (Metric::Cosine, ["near", "long", "away"], 0.995_037_2),
        (Metric::Dotproduct, ["long", "near", "away"], 10.0),
        (Metric::Euclidean, ["near", "away", "long"], 0.01),
    ] {
        let name = metric.name();
        engine
            .create_index(&spec(name, metric), &IndexSettings::default())
            .unwrap();
        let index = engine.index(name).unwrap();
        index.upsert("", &vectors).unwrap();
        let matches = index.query("", &by([1.0, 0.0, 0.0], 3)).unwrap();
        let ids: Vec<_> = matches.iter().map(|found| found.id.as_str()).collect();
        assert_eq!(ids, order, "{name}");
        let score = matches[0].score;
        assert!((score - best).abs() < 1e-5, "{name}: {score}");
    }
}

fn queries_answer_what_is_asked(engine: &Engine) {
    let index = index(engine, Metric::Cosine);
    let mut first = with("first", json!({"n": 1}));
    first.values = vec![1.0, 0.0, 0.0];
    index
        .upsert("", &[first.clone(), vector("second", [0.0, 1.0, 0.0])])
        .unwrap();
    let bare = &index.query("", &by([1.0, 0.0, 0.0], 1)).unwrap()[0];
    assert_eq!((&bare.values, &bare.metadata), (&None, &None));
    let mut query = by([1.0, 0.0, 0.0], 10);
    (query.include_values, query.include_metadata) = (true, true);
    let full = index.query("", &query).unwrap();
    assert_eq!(full.len(), 2);
    assert_eq!(full[0].values.as_ref(), Some(&first.values));
    assert_eq!(full[0].metadata.as_ref(), Some(&first.metadata));
    assert_eq!(full[1].metadata, Some(Metadata::new()));

    let like = |id: &str| Query::new(QueryBy::Id(id.to_owned()), 5);
    assert_eq!(found(&index, "", &like("second")), ["second", "first"]);
    fails(
        index.query("", &like("third")),
        "index `things` has no vector `third` in namespace ``",
    );
    let mut nothing = like("second");
    nothing.filter = Some(filter(&json!({"n": 5})));
    assert!(index.query("", &nothing).unwrap().is_empty());
    assert!(
        index
            .query("elsewhere", &by([1.0, 0.0, 0.0], 3))
            .unwrap()
            .is_empty()
    );
}

fn every_operator_filters(engine: &Engine) {
    let index = index(engine, Metric::Cosine);
    let vectors = [
        with(
            "a",
            json!({"kind": "dog", "age": 3, "tags": ["big", "old"], "tame": true}),
        ),
        with(
            "b",
            json!({"kind": "cat", "age": 7.5, "tags": ["small"], "tame": false}),
        ),
        with("c", json!({"kind": "dog", "age": 12})),
        with("d", json!({})),
    ];
    index.upsert("", &vectors).unwrap();
    for (condition, expected) in [
        (json!({}), "abcd"),
        (json!({"kind": "dog"}), "ac"),
        (json!({"kind": {"$eq": "dog"}}), "ac"),
        (json!({"kind": {"$ne": "dog"}}), "bd"),
        (json!({"age": {"$gt": 3}}), "bc"),
        (json!({"age": {"$gte": 3}}), "abc"),
        (json!({"age": {"$lt": 7.5}}), "a"),
        (json!({"age": {"$lte": 7.5}}), "ab"),
        (json!({"age": {"$gt": 3, "$lt": 10}}), "b"),
        (json!({"age": 3.0}), "a"),
        (json!({"kind": {"$in": ["cat", "bird"]}}), "b"),
        (json!({"kind": {"$nin": ["cat", "bird"]}}), "acd"),
        (json!({"tags": "old"}), "a"),
        (json!({"tags": {"$in": ["small", "old"]}}), "ab"),
        (json!({"tame": true}), "a"),
        (json!({"tame": {"$exists": true}}), "ab"),
        (json!({"tame": {"$exists": false}}), "cd"),
        (json!({"$and": [{"kind": "dog"}, {"age": {"$gt": 5}}]}), "c"),
        (json!({"$or": [{"kind": "cat"}, {"age": 12}]}), "bc"),
        (json!({"$not": {"kind": "dog"}}), "bd"),
        (json!({"age": {"$not": {"$gt": 5}}}), "ad"),
        (json!({"kind": "dog", "age": 12}), "c"),
        (json!({"kind": "3"}), ""),
    ] {
        let filter = filter(&condition);
        let mut query = by([1.0, 2.0, 3.0], 10);
        query.filter = Some(filter.clone());
        let mut ids = found(&index, "", &query);
        ids.sort();
        assert_eq!(ids.concat(), expected, "{condition}");
        assert_eq!(
            index.count_matching("", &filter).unwrap(),
            expected.len(),
            "{condition}"
        );
        let page = index.matching("", &filter, 100, None).unwrap();
        let mut ids: Vec<_> = page.items.into_iter().map(|vector| vector.id).collect();
        ids.sort();
        assert_eq!(ids.concat(), expected, "{condition}");
    }
}

fn lists_go_by_pages(engine: &Engine) {
    let index = index(engine, Metric::Cosine);
    let ids: Vec<String> = (0..257).map(|n| format!("{}#{n:03}", n % 2)).collect();
    let vectors: Vec<_> = ids
        .iter()
        .map(|id| with(id, json!({"of": id[..1]})))
        .collect();
    index.upsert("", &vectors).unwrap();
    let all = |prefix: &str, limit| {
        let (mut all, mut token) = (Vec::new(), None);
        loop {
            let page = index.list("", prefix, limit, token.as_deref()).unwrap();
            assert!(page.items.len() <= limit);
            all.extend(page.items);
            token = page.next;
            if token.is_none() {
                return all;
            }
        }
    };
    let mut sorted = ids.clone();
    sorted.sort();
    for limit in [1, 7, 100, 129, 1_000] {
        assert_eq!(all("", limit), sorted, "{limit}");
    }
    assert_eq!(all("1#", 50).len(), 128);
    assert_eq!(all("1#1", 50).len(), 50);
    assert!(all("2", 50).is_empty());
    assert!(
        index
            .list("elsewhere", "", 10, None)
            .unwrap()
            .items
            .is_empty()
    );

    let odd = filter(&json!({"of": "1"}));
    let (mut matching, mut token) = (Vec::new(), None);
    loop {
        let page = index.matching("", &odd, 60, token.as_deref()).unwrap();
        assert!(page.items.len() <= 60);
        matching.extend(page.items.into_iter().map(|vector| vector.id));
        token = page.next;
        if token.is_none() {
            break;
        }
    }
    assert_eq!(matching, all("1#", 100));
    assert_eq!(
        index
            .fetch("", &ids.iter().map(String::as_str).collect::<Vec<_>>())
            .unwrap(),
        vectors
    );
}

fn searches_regard_what_was_written(engine: &Engine) {
    let index = index(engine, Metric::Cosine);
    assert!(index.settle("").unwrap());
    for namespace in ["", "some"] {
        index
            .upsert(namespace, &[with("a", json!({"n": 1}))])
            .unwrap();
        assert!(index.settle(namespace).unwrap());
        let update = Update {
            metadata: Some(object(json!({"n": 2}))),
            ..Update::default()
        };
        index.update(namespace, "a", &update).unwrap();
        assert!(index.settle(namespace).unwrap());
        index.delete(namespace, &Selection::All).unwrap();
        assert!(index.settle(namespace).unwrap());
    }
}

fn updates_change_what_they_name(engine: &Engine) {
    let index = index(engine, Metric::Cosine);
    index
        .upsert("", &[with("a", json!({"x": 1, "y": "old"}))])
        .unwrap();
    let metadata = |value| Update {
        values: None,
        metadata: Some(object(value)),
        sparse_values: None,
    };
    index
        .update("", "a", &metadata(json!({"y": "new", "z": ["l"]})))
        .unwrap();
    let fetched = index.fetch("", &["a"]).unwrap();
    assert_eq!(
        fetched,
        [with("a", json!({"x": 1, "y": "new", "z": ["l"]}))]
    );
    let values = Update {
        values: Some(vec![0.0, 0.0, 1.0]),
        metadata: None,
        sparse_values: None,
    };
    index.update("", "a", &values).unwrap();
    let fetched = &index.fetch("", &["a"]).unwrap()[0];
    assert_eq!(fetched.values, [0.0, 0.0, 1.0]);
    assert_eq!(fetched.metadata["x"], 1);
    fails(
        index.update("", "b", &values),
        "index `things` has no vector `b` in namespace ``",
    );
    fails(
        index.update("elsewhere", "a", &values),
        "index `things` has no vector `a` in namespace `elsewhere`",
    );
    let large = metadata(json!({"z": "l".repeat(41_000)}));
    let refused = index.update("", "a", &large);
    assert!(
        matches!(refused, Err(Error::MetadataTooLarge { .. })),
        "{refused:?}"
    );
}

fn filters_update_and_count(engine: &Engine) {
    let index = index(engine, Metric::Cosine);
    let vectors: Vec<_> = (0..10)
        .map(|n| with(&n.to_string(), json!({"n": n})))
        .collect();
    index.upsert("", &vectors).unwrap();
    let large = filter(&json!({"n": {"$gte": 6}}));
    assert_eq!(index.count_matching("", &large).unwrap(), 4);
    let set = object(json!({"large": true}));
    assert_eq!(index.update_matching("", &large, &set).unwrap(), 4);
    let marked = filter(&json!({"large": true}));
    let page = index.matching("", &marked, 10, None).unwrap();
    assert_eq!(page.items[0], with("6", json!({"n": 6, "large": true})));
    assert_eq!((page.items.len(), page.next), (4, None));
    assert_eq!(index.update_matching("elsewhere", &large, &set).unwrap(), 0);
}

fn deletions_take_what_they_name(engine: &Engine) {
    let index = index(engine, Metric::Cosine);
    let vectors: Vec<_> = (0..10)
        .map(|n| with(&n.to_string(), json!({"n": n})))
        .collect();
    index.upsert("", &vectors).unwrap();
    let said = index.delete(
        "",
        &Selection::Ids(vec!["1".into(), "2".into(), "x".into()]),
    );
    assert!(matches!(said, Ok(None | Some(2))), "{said:?}");
    assert_eq!(index.count("").unwrap(), 8);
    let small = filter(&json!({"n": {"$lt": 5}}));
    let said = index.delete("", &Selection::Filter(small));
    assert!(matches!(said, Ok(None | Some(3))), "{said:?}");
    assert_eq!(
        index.list("", "", 10, None).unwrap().items,
        ["5", "6", "7", "8", "9"]
    );
    index.delete("", &Selection::Ids(Vec::new())).unwrap();
    assert_eq!(index.count("").unwrap(), 5);
    index.delete("", &Selection::All).unwrap();
    assert_eq!(index.count("").unwrap(), 0);
    // Nothing is left to delete, which is no error.
    index.delete("", &Selection::All).unwrap();
    index
        .delete("elsewhere", &Selection::Ids(vec!["1".into()]))
        .unwrap();
    index.upsert("", &vectors).unwrap();
    index
        .delete("", &Selection::Filter(filter(&json!({}))))
        .unwrap();
    assert_eq!(index.count("").unwrap(), 0);
}

fn namespaces_are_apart(engine: &Engine) {
    let index = index(engine, Metric::Cosine);
    index.upsert("", &[vector("a", [1.0, 0.0, 0.0])]).unwrap();
    index
        .upsert(
            "other",
            &[vector("a", [0.0, 1.0, 0.0]), vector("b", [0.0, 0.0, 1.0])],
        )
        .unwrap();
    assert_eq!(index.namespaces().unwrap(), ["", "other"]);
    let stats = index.stats().unwrap();
    assert_eq!((stats.total_vector_count, stats.dimension), (3, 3));
    assert_eq!(stats.namespaces["other"].vector_count, 2);
    assert_eq!(
        (index.count("").unwrap(), index.count("third").unwrap()),
        (1, 0)
    );
    assert_eq!(index.fetch("", &["a"]).unwrap()[0].values, [1.0, 0.0, 0.0]);
    assert_eq!(
        index.fetch("other", &["a"]).unwrap()[0].values,
        [0.0, 1.0, 0.0]
    );
    assert_eq!(found(&index, "", &by([0.0, 1.0, 0.0], 9)), ["a"]);
    index.delete("other", &Selection::All).unwrap();
    assert_eq!(index.namespaces().unwrap(), [""]);
}

fn bad_input_is_refused_and_changes_nothing(engine: &Engine) {
    let index = index(engine, Metric::Cosine);
    let good = vector("good", [1.0, 0.0, 0.0]);
    let upsert = |bad: Vector| index.upsert("", &[good.clone(), bad]);
    let nested = upsert(with("x", json!({"a": {"b": 1}})));
    assert!(matches!(nested, Err(Error::InvalidMetadata { .. })));
    let operator = upsert(with("x", json!({"$a": 1})));
    assert!(matches!(operator, Err(Error::InvalidMetadataKey { .. })));
    let large = upsert(with("x", json!({"a": "b".repeat(41_000)})));
    assert!(matches!(large, Err(Error::MetadataTooLarge { .. })));
    fails(
        upsert(Vector {
            values: vec![1.0],
            ..good.clone()
        }),
        "index `things` has dimension 3, the vector has 1",
    );
    let infinite = upsert(vector("x", [1.0, f32::NAN, 0.0]));
    assert!(matches!(
        infinite,
        Err(Error::NotFinite { position: 1, .. })
    ));
    let zero = upsert(vector("x", [0.0; 3]));
    assert!(matches!(zero, Err(Error::ZeroVector { .. })));
    let namespace = index.upsert(&"n".repeat(513), std::slice::from_ref(&good));
    assert!(matches!(
        namespace,
        Err(Error::InvalidNamespace { got: 513 })
    ));
    for id in ["", &"i".repeat(513)] {
        let id = upsert(vector(id, [1.0, 0.0, 0.0]));
        assert!(matches!(id, Err(Error::InvalidId { .. })));
    }
    assert_eq!(index.count("").unwrap(), 0);
    for top_k in [0, 10_001] {
        let refused = index.query("", &by([1.0, 0.0, 0.0], top_k));
        assert!(matches!(refused, Err(Error::InvalidTopK { .. })));
    }
    let short = Query::new(QueryBy::Values(vec![1.0]), 1);
    assert!(matches!(
        index.query("", &short),
        Err(Error::DimensionMismatch { .. })
    ));
}

fn queries_of_zeros_give_the_first_ids(engine: &Engine) {
    let index = index(engine, Metric::Cosine);
    let vectors = ["b", "c", "a"].map(|id| with(id, json!({"is_b": id == "b"})));
    index.upsert("", &vectors).unwrap();
    let mut query = by([0.0; 3], 2);
    assert_eq!(found(&index, "", &query), ["a", "b"]);
    let matches = index.query("", &query).unwrap();
    assert!(matches.iter().all(|found| found.score == 0.0));
    query.filter = Some(filter(&json!({"is_b": true})));
    assert_eq!(found(&index, "", &query), ["b"]);
}

fn many_vectors_go_in_one_call(engine: &Engine) {
    let spec = IndexSpec {
        dimension: 512,
        ..spec("many", Metric::Cosine)
    };
    engine
        .create_index(&spec, &IndexSettings::default())
        .unwrap();
    let index = engine.index("many").unwrap();
    // More than one request takes, by their number and by their size.
    let vector = |n: u16| Vector {
        id: format!("{n:04}"),
        values: (0..512_u16)
            .map(|at| f32::from(n * 7 + at % 31).sin())
            .collect(),
        metadata: object(json!({"n": n, "caption": "c".repeat(200)})),
        sparse_values: None,
    };
    let vectors: Vec<_> = (0..2_345).map(vector).collect();
    assert_eq!(index.upsert("n", &vectors).unwrap(), 2_345);
    assert_eq!(index.count("n").unwrap(), 2_345);
    let ids: Vec<&str> = vectors.iter().map(|vector| vector.id.as_str()).collect();
    assert_eq!(index.fetch("n", &ids).unwrap(), vectors);
    let ids = ids.iter().map(|&id| id.to_owned()).collect();
    index.delete("n", &Selection::Ids(ids)).unwrap();
    assert_eq!(index.count("n").unwrap(), 0);
}

fn odd_names_are_kept_whole(engine: &Engine) {
    let index = index(engine, Metric::Cosine);
    for name in [
        "a/b",
        "ä & ü",
        "100 %",
        "a+b=c?",
        "🐕",
        "#1",
        "..",
        "\"quoted\"",
    ] {
        index
            .upsert(name, &[vector(name, [1.0, 0.0, 0.0])])
            .unwrap();
        assert_eq!(index.list(name, name, 10, None).unwrap().items, [name]);
        assert_eq!(index.fetch(name, &[name]).unwrap().len(), 1, "{name}");
        assert_eq!(index.count(name).unwrap(), 1, "{name}");
    }
    assert_eq!(index.namespaces().unwrap().len(), 8);
}

fn writers_do_not_hinder_each_other(engine: &Engine) {
    const WRITERS: usize = 8;
    const ROUNDS: usize = 12;
    let index = index(engine, Metric::Cosine);
    let searches = AtomicUsize::new(0);
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (index, searches) = (&index, &searches);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let id = |n| format!("{writer}-{round}-{n}");
                    let vectors: Vec<_> = (0..5).map(|n| vector(&id(n), [1.0, 0.5, 0.1])).collect();
                    index.upsert("", &vectors).unwrap();
                    index.delete("", &Selection::Ids(vec![id(0)])).unwrap();
                    let found = index.query("", &by([1.0, 0.5, 0.1], 3)).unwrap();
                    searches.fetch_add(found.len(), Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(index.count("").unwrap() as usize, WRITERS * ROUNDS * 4);
    assert_eq!(searches.into_inner(), WRITERS * ROUNDS * 3);
}

fn dropped_indexes_are_gone_for_those_who_have_them(engine: &Engine) {
    let old = index(engine, Metric::Cosine);
    old.upsert("", &[vector("a", [1.0, 0.0, 0.0])]).unwrap();
    engine.drop_index("things").unwrap();
    let gone = "index `things` does not exist";
    fails(old.query("", &by([1.0, 0.0, 0.0], 1)), gone);
    let new = index(engine, Metric::Cosine);
    // The old handle does not write into the new index of that name.
    fails(old.upsert("", &[vector("a", [1.0, 0.0, 0.0])]), gone);
    fails(old.upsert("", &[]), gone);
    fails(old.stats(), gone);
    assert_eq!(new.count("").unwrap(), 0);
}

fn sparse(pairs: &[(u32, f32)]) -> SparseValues {
    let (indices, values) = pairs.iter().copied().unzip();
    SparseValues { indices, values }
}

fn sparse_vector(id: &str, pairs: &[(u32, f32)]) -> Vector {
    Vector {
        values: Vec::new(),
        sparse_values: Some(sparse(pairs)),
        ..vector(id, [0.0; 3])
    }
}

fn by_sparse(pairs: &[(u32, f32)], top_k: usize) -> Query {
    Query {
        sparse_vector: Some(sparse(pairs)),
        ..Query::new(QueryBy::Values(Vec::new()), top_k)
    }
}

fn sparse_vectors_are_stored_and_searched(engine: &Engine) {
    let spec = IndexSpec {
        dimension: 0,
        ..spec("words", Metric::Dotproduct)
    };
    engine
        .create_index(&spec, &IndexSettings::default())
        .unwrap();
    assert_eq!(engine.describe_index("words").unwrap().dimension, 0);
    let cosine = IndexSpec {
        metric: Metric::Cosine,
        ..spec
    };
    let refused = engine.create_index(&cosine, &IndexSettings::default());
    assert!(matches!(refused, Err(Error::SparseMetric { .. })));
    let index = engine.index("words").unwrap();
    let mut vectors = [
        sparse_vector("a", &[(7, 0.5), (4_000_000_000, 2.0)]),
        sparse_vector("b", &[(7, 1.0)]),
        sparse_vector("c", &[(9, 5.0), (7, -1.0)]),
        sparse_vector("d", &[(1, 1.0)]),
    ];
    vectors[1].metadata = object(json!({"of": "b"}));
    index.upsert("", &vectors).unwrap();
    assert_eq!(
        index.fetch("", &["c", "a"]).unwrap(),
        [vectors[2].clone(), vectors[0].clone()]
    );
    let query = by_sparse(&[(7, 2.0), (4_000_000_000, 0.25)], 10);
    let matches = index.query("", &query).unwrap();
    let found: Vec<_> = matches
        .iter()
        .map(|found| (found.id.as_str(), found.score))
        .collect();
    // One that shares no index is none.
    assert_eq!(found, [("b", 2.0), ("a", 1.5), ("c", -2.0)]);
    let mut some = Query {
        filter: Some(filter(&json!({"of": "b"}))),
        include_values: true,
        ..query.clone()
    };
    let matches = index.query("", &some).unwrap();
    assert_eq!(matches[0].sparse_values, vectors[1].sparse_values);
    some.filter = Some(filter(&json!({"of": "d"})));
    assert!(index.query("", &some).unwrap().is_empty());
    let like = Query::new(QueryBy::Id("a".to_owned()), 1);
    assert_eq!(found_ids(&index, &like), ["a"]);

    let update = Update {
        sparse_values: Some(sparse(&[(1, 9.0)])),
        ..Update::default()
    };
    index.update("", "b", &update).unwrap();
    assert_eq!(found_ids(&index, &by_sparse(&[(1, 1.0)], 10)), ["b", "d"]);
    assert_eq!(found_ids(&index, &query), ["a", "c"]);
    index.delete("", &Selection::Ids(vec!["a".into()])).unwrap();
    assert_eq!(found_ids(&index, &query), ["c"]);
    index
        .upsert("", &[sparse_vector("c", &[(3, 1.0)])])
        .unwrap();
    assert!(found_ids(&index, &query).is_empty());
    index.delete("", &Selection::All).unwrap();
    index
        .upsert("", &[sparse_vector("e", &[(7, 1.0)])])
        .unwrap();
    assert_eq!(found_ids(&index, &query), ["e"]);

    let dense = vector("x", [1.0, 0.0, 0.0]);
    assert!(matches!(
        index.upsert("", &[dense]),
        Err(Error::SparseOnly { .. })
    ));
    for bad in [&[(1, 1.0), (1, 2.0)][..], &[], &[(1, f32::NAN)]] {
        assert!(index.upsert("", &[sparse_vector("x", bad)]).is_err());
    }
    assert_eq!(index.count("").unwrap(), 1);
}

fn found_ids(index: &Index, query: &Query) -> Vec<String> {
    found(index, "", query)
}

fn dense_and_sparse_values_are_searched_together(engine: &Engine) {
    let index = index(engine, Metric::Dotproduct);
    let both = |id: &str, values, pairs: &[(u32, f32)]| Vector {
        sparse_values: Some(sparse(pairs)),
        ..vector(id, values)
    };
    // Enough that more of them are better by their dense values than are asked for.
    let mut vectors: Vec<Vector> = (0..200_u8)
        .map(|n| vector(&format!("dense-{n:03}"), [f32::from(n) / 100.0, 0.0, 1.0]))
        .collect();
    vectors.extend([
        both("up", [0.1, 0.0, 0.0], &[(5, 4.0)]),
        both("down", [9.0, 0.0, 0.0], &[(5, -20.0)]),
        both("aside", [1.995, 0.0, 0.0], &[(6, 100.0)]),
    ]);
    index.upsert("", &vectors).unwrap();
    assert_eq!(index.fetch("", &["up"]).unwrap(), [vectors[200].clone()]);
    let dense = by([1.0, 0.0, 0.0], 3);
    assert_eq!(found_ids(&index, &dense), ["down", "aside", "dense-199"]);
    let hybrid = Query {
        sparse_vector: Some(sparse(&[(5, 1.0)])),
        ..dense
    };
    let matches = index.query("", &hybrid).unwrap();
    let found: Vec<_> = matches
        .iter()
        .map(|found| (found.id.as_str(), found.score))
        .collect();
    assert_eq!(found, [("up", 4.1), ("aside", 1.995), ("dense-199", 1.99)]);
    let other = engine.create_index(&spec("other", Metric::Cosine), &IndexSettings::default());
    other.unwrap();
    let refused = engine
        .index("other")
        .unwrap()
        .upsert("", &[both("x", [1.0, 0.0, 0.0], &[(1, 1.0)])]);
    assert!(matches!(refused, Err(Error::NoSparseValues { .. })));
}
