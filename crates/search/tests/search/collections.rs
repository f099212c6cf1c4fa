//! Collections of small pictures: their content and search results.

use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use index::Filter;
use picture::{Limits, Picture};
use search::{
    AddOptions, CheckOptions, Embedder, Embedding, Error, Hit, Hits, ModelIdentity, NewRecord,
    Query, SearchOptions, Store, Within,
};
use serde_json::json;

use crate::world::{TestResult, World, model, names, new, stream, stripes, top};

fn cosine(hit: &Hit) -> f32 {
    hit.similarity.expect("pictures were compared")
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[test]
fn hits_are_the_most_similar_pictures_in_order() -> TestResult {
    let world = World::filled();
    let hits = world.search(&Query::Text("some stripes"), &top(6));
    let text = world.model.embed_text("some stripes")?;
    let mut expected: Vec<(String, f32)> = (0..6)
        .map(|seed| {
            let image = world.vector(&stripes(seed).to_png());
            (format!("{seed}.png"), dot(&text, &image))
        })
        .collect();
    expected.sort_by(|a, b| b.1.total_cmp(&a.1));
    assert_eq!(
        names(&hits),
        expected.iter().map(|(name, _)| name).collect::<Vec<_>>()
    );
    for (hit, (name, similarity)) in hits.hits.iter().zip(&expected) {
        assert!((cosine(hit) - similarity).abs() < 1e-5, "{name}");
    }
    assert_eq!(hits.best, hits.hits[0].similarity);
    Ok(())
}

#[test]
fn hits_carry_captions_and_metadata() {
    let world = World::filled();
    let filter = Filter::parse(&json!({"seed": 1})).unwrap();
    let options = SearchOptions {
        filter: Some(filter),
        ..top(3)
    };
    let hits = world.search(&Query::Text("x"), &options);
    assert_eq!(names(&hits), ["1.png"]);
    assert_eq!(hits.hits[0].captions, ["one stripe", "two stripes"]);
    assert_eq!(json!(hits.hits[0].metadata), json!({"seed": 1}));
}

#[test]
fn the_queries_own_picture_is_left_out_and_only_then() -> TestResult {
    let world = World::filled();
    let query = |path: &Path| -> Result<Hits, Box<dyn std::error::Error>> {
        let bytes = fs::read(path)?;
        Ok(world.search(&Query::Picture(&bytes), &top(6)))
    };
    // The collection's file, and a copy of it elsewhere.
    fs::copy(world.path("2.png"), world.path("copy.png"))?;
    for own in ["2.png", "copy.png"] {
        let hits = query(&world.path(own))?;
        assert_eq!(hits.hits.len(), 5, "{own}");
        assert!(!names(&hits).contains(&"2.png"), "{own}");
    }
    // Another file with the same pixels is another picture, and stays in the hits.
    fs::write(world.path("other.jpg"), stripes(2).to_jpeg(95))?;
    let hits = query(&world.path("other.jpg"))?;
    assert_eq!(hits.hits.len(), 6);
    assert_eq!(names(&hits)[0], "2.png");
    Ok(())
}

/// A JPEG large enough to be decoded at a reduced size.
fn twelve_megapixels() -> Vec<u8> {
    let (width, height) = (4000u32, 3000u32);
    let wave = |x: u32, y: u32| ((x / 3) ^ (y / 5)) as u8;
    let rows = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    let pixels = rows.flat_map(|(x, y)| [wave(x, y), (x / 16) as u8, (y / 12) as u8]);
    let picture = Picture::from_rgb(width, height, pixels.collect()).unwrap();
    picture.to_jpeg(90)
}

#[test]
fn a_large_picture_has_one_vector_whatever_asks_for_it() -> TestResult {
    let world = World::filled();
    let (path, bytes) = (world.path("large.jpg"), twelve_megapixels());
    fs::write(&path, &bytes)?;
    let picture = Picture::decode(&bytes, &Limits::default())?;
    let whole = world.model.preprocess(&picture);
    let whole = world.model.embed_pixels(&[whole])?.remove(0);
    let expected = world.vector(&bytes);
    assert_ne!(expected, whole, "the picture is not large enough to tell");

    assert_eq!(world.add(vec![new(&path, &[])]).added, 1);
    let mut exported = Vec::new();
    world.collection().export::<Error>(|embedding| {
        exported.push(embedding);
        Ok(())
    })?;
    let stored = exported
        .iter()
        .find(|embedding| embedding.record.path() == path);
    assert_eq!(stored.unwrap().image, expected);
    let size = (stored.unwrap().record.width, stored.unwrap().record.height);
    assert_eq!(size, (4000, 3000));

    let mut embedded = Vec::new();
    let records = vec![new(&path, &[])];
    search::embed::<Error>(
        &world.model,
        stream(records),
        &Limits::default(),
        |embedding| {
            embedded.push(embedding.unwrap().image);
            Ok(())
        },
    )?;
    assert_eq!(embedded, std::slice::from_ref(&expected));

    // As a query it gives exactly the results of the stored vector.
    let hits = world.search(&Query::Picture(&bytes), &top(6)).hits;
    let index = world.store.engine().index("c")?;
    let by = index::QueryBy::Values(expected.clone());
    let matches = index.query(search::IMAGES, &index::Query::new(by, 7))?;
    assert_eq!(hits.len(), 6);
    for (hit, found) in hits.iter().zip(&matches[1..]) {
        assert_eq!((&hit.id, cosine(hit)), (&found.id, found.score));
    }

    let embedder = Embedder::new(model("quick-gelu"));
    assert_eq!(embedder.picture(&bytes)?, expected);
    let error = embedder.picture(b"no picture").unwrap_err();
    assert!(matches!(error, Error::Picture(_)), "{error:?}");
    Ok(())
}

#[test]
fn like_finds_others() -> TestResult {
    let world = World::filled();
    let all = world.search(&Query::Text("x"), &top(6));
    let id = &all.hits[0].id;
    let hits = world.search(&Query::Like(id), &top(6));
    assert_eq!(hits.hits.len(), 5);
    assert!(hits.hits.iter().all(|hit| hit.id != *id));
    let missing = world
        .collection()
        .search(&world.model, &Query::Like("none"), &top(1));
    assert!(matches!(missing, Err(Error::NoRecord { id, .. }) if id == "none"));
    Ok(())
}

#[test]
fn a_threshold_that_hides_everything_tells_the_best() {
    let world = World::filled();
    let all = world.search(&Query::Text("x"), &top(6));
    let options = SearchOptions {
        threshold: Some(0.999),
        ..top(6)
    };
    let none = world.search(&Query::Text("x"), &options);
    assert!(none.hits.is_empty());
    assert_eq!(none.best, all.best);
    let middle = cosine(&all.hits[2]);
    let some = world.search(
        &Query::Text("x"),
        &SearchOptions {
            threshold: Some(middle),
            ..top(6)
        },
    );
    assert_eq!(some.hits.len(), 3);
}

#[test]
fn the_same_again_changes_nothing() {
    let world = World::filled();
    let again = (0..6)
        .map(|seed| new(&world.path(&format!("{seed}.png")), &[]))
        .collect();
    let report = world.add(again);
    assert_eq!((report.added, report.updated, report.unchanged), (0, 0, 6));
    // A source without captions removed none.
    assert_eq!(world.collection().captions().unwrap(), 6);
}

#[test]
fn what_has_changed_is_taken_up() {
    let world = World::filled();
    world.picture("3.png", 9);
    let report = world.add(vec![
        new(&world.path("1.png"), &["a new word"]),
        new(&world.path("3.png"), &[]),
    ]);
    assert_eq!((report.added, report.updated, report.unchanged), (0, 2, 0));
    let collection = world.collection();
    assert_eq!(collection.pictures(), 6);
    assert_eq!(
        collection.captions().unwrap(),
        5,
        "the second caption of 1.png is gone"
    );
    let hits = world.search(&Query::Picture(&stripes(9).to_jpeg(95)), &top(1));
    assert_eq!(names(&hits), ["3.png"]);
    assert!(cosine(&hits.hits[0]) > 0.9999);
}

#[test]
fn an_id_that_a_source_gives_replaces_the_made_one() {
    let world = World::filled();
    let mut record = new(&world.path("0.png"), &[]);
    record.id = Some("zero".to_owned());
    assert_eq!(world.add(vec![record]).updated, 1);
    let collection = world.collection();
    assert_eq!(collection.pictures(), 6);
    assert_eq!(collection.record("zero").unwrap().captions.len(), 2);
    assert_eq!(world.search(&Query::Text("x"), &top(100)).hits.len(), 6);
}

/// Adds pictures with the ids from `id`, and checks that all exist.
#[track_caller]
fn add_with_ids(world: &World, ids: &[String]) {
    let records = ids.iter().enumerate().map(|(n, id)| NewRecord {
        id: Some(id.clone()),
        ..new(
            &world.path(&format!("{n}.png")),
            &["one", "two"][..1 + n % 2],
        )
    });
    world.add(records.collect());
    let found = world.search(&Query::Text("x"), &top(1000));
    assert_eq!(found.hits.len(), ids.len(), "every picture has its vector");
    for hit in &found.hits {
        let n: usize = hit
            .location
            .rsplit(['/', '.'])
            .nth(1)
            .unwrap()
            .parse()
            .unwrap();
        assert_eq!(hit.id, ids[n]);
    }
    let captions: usize = (0..ids.len()).map(|n| 1 + n % 2).sum();
    assert_eq!(world.collection().captions().unwrap(), captions as u64);
    assert_eq!(world.collection().pictures(), ids.len() as u64);
}

#[test]
fn ids_may_change_places() {
    let world = World::new();
    // More pictures than are written at a time.
    let count = 80;
    for n in 0..count {
        world.picture(&format!("{n}.png"), n);
    }
    let numbered = |shift: u8| -> Vec<String> {
        (0..count)
            .map(|n| ((n + shift) % count).to_string())
            .collect()
    };
    add_with_ids(&world, &numbered(0));
    add_with_ids(&world, &numbered(1));
    add_with_ids(&world, &numbered(count - 3));
    let mut swapped = numbered(count - 3);
    swapped.swap(0, 1);
    swapped.swap(5, 70);
    add_with_ids(&world, &swapped);
}

#[test]
fn an_id_is_not_taken_from_a_picture_that_is_there() {
    let world = World::new();
    let record = |name: &str, seed| NewRecord {
        id: Some("1".to_owned()),
        ..new(&world.picture(name, seed), &[])
    };
    let (first, second) = (record("first.png", 1), record("second.png", 2));
    let both = world.add(vec![first.clone(), second.clone()]);
    assert_eq!((both.added, both.failed), (1, 1));
    let later = world.add(vec![second.clone()]);
    assert_eq!((later.added, later.reasons["id is taken"]), (0, 1));
    assert_eq!(
        names(&world.search(&Query::Text("x"), &top(9))),
        ["first.png"]
    );
    // Not even if the picture is in the run but gets no other id.
    let together = world.add(vec![new(&world.path("first.png"), &[]), second.clone()]);
    assert_eq!((together.unchanged, together.failed), (1, 1));
    // If the old location has no file, the picture has moved.
    fs::remove_file(world.path("first.png")).unwrap();
    assert_eq!(world.add(vec![second]).moved, 1);
    assert_eq!(
        names(&world.search(&Query::Text("x"), &top(9))),
        ["second.png"]
    );
}

#[test]
fn vectors_that_are_missing_are_made_again() -> TestResult {
    let world = World::filled();
    let again = || {
        (0..6)
            .map(|seed| new(&world.path(&format!("{seed}.png")), &[]))
            .collect()
    };
    let engine = world.store.engine();
    engine.index("c")?.delete(
        "images",
        &index::Selection::Ids(vec![
            world.search(&Query::Text("x"), &top(1)).hits[0].id.clone(),
        ]),
    )?;
    let missing = world.collection().export::<Error>(|_| Ok(()))?;
    assert_eq!(missing, 1);
    let report = world.add(again());
    assert_eq!((report.updated, report.unchanged), (1, 5));
    engine.drop_index("c")?;
    // Reading creates nothing.
    let gone = world.store.collection("c").unwrap_err();
    assert!(matches!(gone, Error::IndexGone { .. }), "{gone}");
    assert!(engine.list_indexes()?.is_empty());
    assert_eq!(world.add(again()).updated, 6);
    assert_eq!(world.search(&Query::Text("x"), &top(9)).hits.len(), 6);
    assert_eq!(world.collection().captions()?, 6);
    // A collection can be deleted even without its index.
    engine.drop_index("c")?;
    world.store.delete_collection("c", &AddOptions::default())?;
    assert!(world.store.collections()?.is_empty());
    Ok(())
}

#[test]
fn a_new_collection_can_be_made_by_several_at_once() {
    for _ in 0..10 {
        let world = World::new();
        let identity = ModelIdentity::of(&world.model, "random");
        let directory = world.path("new store");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let store = Store::open(&directory).unwrap();
                    store.collection_or_new("c", &identity).unwrap();
                });
            }
        });
    }
}

#[test]
fn bad_pictures_are_reported_and_good_ones_indexed() {
    let world = World::new();
    fs::write(world.path("words.jpg"), "no picture").unwrap();
    fs::write(world.path("empty.jpg"), "").unwrap();
    let mut heavy = new(&world.picture("heavy.png", 1), &[]);
    heavy
        .metadata
        .insert("text".into(), "x".repeat(50_000).into());
    let mut nameless = new(&world.picture("nameless.png", 2), &[]);
    nameless.id = Some("x".repeat(600));
    let report = world.add(vec![
        new(&world.path("words.jpg"), &[]),
        new(&world.picture("good.png", 3), &["good"]),
        new(&world.path("empty.jpg"), &[]),
        new(&world.path("missing.jpg"), &[]),
        heavy,
        nameless,
    ]);
    assert_eq!(report.added, 1);
    assert_eq!(report.failed, 5);
    assert_eq!(report.done(), 6);
    assert_eq!(report.reasons["metadata"], 2);
    assert_eq!(
        names(&world.search(&Query::Text("x"), &top(9))),
        ["good.png"]
    );
}

#[test]
fn vectors_of_two_models_are_not_mixed() {
    let world = World::filled();
    let other = model("gelu");
    let identity = ModelIdentity::of(&other, "other");
    let refused = world.store.collection_or_new("c", &identity);
    assert!(matches!(refused, Err(Error::OtherModel { expected, .. }) if expected == "random"));
    let refused = world
        .collection()
        .search(&other, &Query::Text("x"), &top(1));
    assert!(matches!(refused, Err(Error::OtherModel { .. })));
}

/// Pictures are embedded in batches of 32, several of them at once.
#[test]
fn embeddings_come_in_order_up_to_what_goes_wrong() {
    let world = World::new();
    let location = |n: u8| match n % 7 {
        6 => world.path("missing.png"),
        _ => world.picture(&format!("{n}.png"), n),
    };
    let locations: Vec<_> = (0..75).map(location).collect();
    let expected: Vec<Option<Vec<f32>>> = locations
        .iter()
        .map(|path| Some(world.vector(&fs::read(path).ok()?)))
        .collect();
    let embed = |count: usize, most: usize| {
        let records = locations[..count].iter().map(|path| Ok(new(path, &[])));
        let records = records.chain([Err("the source ends".into())]);
        let mut visited = Vec::new();
        let result = search::embed::<Box<dyn std::error::Error>>(
            &world.model,
            records,
            &Limits::default(),
            |embedding| {
                if visited.len() == most {
                    return Err("enough".into());
                }
                visited.push(embedding.ok().map(|embedding| embedding.image));
                Ok(())
            },
        );
        (visited, result.unwrap_err().to_string())
    };
    for count in [0, 1, 31, 32, 33, 64, 75] {
        let (visited, error) = embed(count, usize::MAX);
        assert_eq!(error, "the source ends");
        assert!(visited == expected[..count], "{count}");
    }
    for most in [0, 31, 32, 40] {
        let (visited, error) = embed(75, most);
        assert_eq!(error, "enough");
        assert!(visited == expected[..most], "{most}");
    }
}

#[test]
fn an_export_is_what_embedding_the_source_gives() -> TestResult {
    let world = World::filled();
    let mut exported: Vec<Embedding> = Vec::new();
    world.collection().export::<Error>(|embedding| {
        exported.push(embedding);
        Ok(())
    })?;
    assert_eq!(exported.len(), 6);
    for Embedding {
        record,
        image,
        captions,
    } in exported
    {
        let mut again = Vec::new();
        let records = vec![NewRecord {
            id: Some(record.id.clone()),
            location: record.location.clone(),
            file: record.file.clone(),
            source: None,
            captions: record.captions.clone(),
            metadata: record.metadata.clone(),
            contributions: Vec::new(),
        }];
        search::embed::<Error>(
            &world.model,
            stream(records),
            &Limits::default(),
            |embedding| {
                again.push(embedding.unwrap());
                Ok(())
            },
        )?;
        let [embedded] = again.as_slice() else {
            panic!("one record, one embedding")
        };
        assert_eq!(embedded.record, record);
        assert!(dot(&embedded.image, &image) > 0.99999);
        assert_eq!(embedded.captions.len(), captions.len());
        for (one, other) in embedded.captions.iter().zip(&captions) {
            assert!(dot(one, other) > 0.99999);
        }
    }
    Ok(())
}

#[test]
fn collections_last_until_they_are_deleted() -> TestResult {
    let world = World::filled();
    let again = Store::open(world.store.directory())?;
    let names: Vec<String> = again
        .collections()?
        .into_iter()
        .map(|info| info.name)
        .collect();
    assert_eq!(names, ["c"]);
    assert_eq!(again.collection("c")?.pictures(), 6);
    again.delete_collection("c", &AddOptions::default())?;
    assert!(again.collections()?.is_empty());
    assert!(again.engine().list_indexes()?.is_empty());
    assert!(matches!(
        again.collection("c"),
        Err(Error::NoCollection { .. })
    ));
    assert!(world.path("0.png").exists());
    Ok(())
}

#[test]
fn names_that_no_engine_takes_are_refused() {
    let world = World::new();
    let identity = ModelIdentity::of(&world.model, "random");
    for name in ["", "-a", "a-", "A", "a b", "ü", &"a".repeat(46)] {
        let refused = world.store.collection_or_new(name, &identity);
        assert!(
            matches!(refused, Err(Error::CollectionName { .. })),
            "{name}"
        );
    }
}

#[test]
fn catalogues_of_others_are_refused() -> TestResult {
    let directory = tempfile::tempdir()?;
    drop(Store::open(directory.path())?);
    let catalogue = directory.path().join("catalogue.sqlite");
    let connection = rusqlite::Connection::open(&catalogue)?;
    connection.pragma_update(None, "user_version", 1000)?;
    let newer = Store::open(directory.path());
    assert!(matches!(
        newer,
        Err(Error::NewerCatalogue { found: 1000, .. })
    ));
    connection.pragma_update(None, "application_id", 7)?;
    assert!(matches!(
        Store::open(directory.path()),
        Err(Error::NotACatalogue { .. })
    ));
    drop(connection);
    fs::write(
        &catalogue,
        "these are no tables, and they are longer than a header of SQLite's ".repeat(20),
    )?;
    assert!(matches!(
        Store::open(directory.path()),
        Err(Error::Catalogue { .. })
    ));
    Ok(())
}

#[test]
fn a_mix_is_the_weighted_sum_of_its_terms() -> TestResult {
    let world = World::filled();
    let id = world.search(&Query::Text("x"), &top(1)).hits[0].id.clone();
    let bytes = fs::read(world.path("2.png"))?;
    let query = Query::Mix(vec![
        (2.0, Query::Text("some stripes")),
        (1.0, Query::Picture(&bytes)),
        (-0.5, Query::Like(&id)),
    ]);
    let hits = world.search(&query, &top(6));

    let text = world.model.embed_text("some stripes")?;
    let image = world.vector(&bytes);
    let location = world.collection().record(&id)?.location;
    let like = world.vector(&fs::read(&location)?);
    let sum: Vec<f32> = (0..text.len())
        .map(|n| 2.0 * text[n] + image[n] - 0.5 * like[n])
        .collect();
    let length = dot(&sum, &sum).sqrt();
    for hit in &hits.hits {
        let expected = dot(&sum, &world.vector(&fs::read(&hit.location)?)) / length;
        assert!((cosine(hit) - expected).abs() < 1e-5, "{}", hit.location);
    }
    // Neither picture of the query is among them.
    assert!(
        hits.hits
            .iter()
            .all(|hit| hit.id != id && !hit.location.ends_with("2.png"))
    );
    let own = if location.ends_with("2.png") { 1 } else { 2 };
    assert_eq!(hits.hits.len(), 6 - own);
    Ok(())
}

#[test]
fn a_mix_that_cancels_itself_is_an_error() {
    let world = World::filled();
    for terms in [
        vec![(1.0, Query::Text("x")), (-1.0, Query::Text("x"))],
        vec![
            (0.3, Query::Text("x")),
            (0.1, Query::Text("y")),
            (-0.3, Query::Text("x")),
            (-0.1, Query::Text("y")),
        ],
        vec![],
    ] {
        let query = Query::Mix(terms);
        let found = world.collection().search(&world.model, &query, &top(1));
        assert!(matches!(found, Err(Error::Vanished)), "{query:?}");
    }
}

#[test]
fn a_merge_brings_captions_to_pictures_that_are_there() {
    let world = World::new();
    let paths = ["0.png", "1.png", "2.png"].map(|name| world.picture(name, 7 + name.as_bytes()[0]));
    let own = paths.iter().map(|path| new(path, &["known"])).collect();
    world.add(own);
    let identity = ModelIdentity::of(&world.model, "random");
    let other = world.store.collection_or_new("other", &identity).unwrap();
    let record = |n: usize, captions| {
        let mut record = new(&paths[n], captions);
        record.metadata.insert("price".into(), 3.into());
        record
    };
    let records = vec![
        record(0, &["known", "further"]),
        new(&paths[1], &["known"]),
        record(2, &["further"]),
    ];
    let options = AddOptions::default();
    other
        .add(&world.model, stream(records), &options, |_| {})
        .unwrap();
    // Missing here, and existing in the other.
    fs::rename(&paths[2], world.path("away.png")).unwrap();
    let gone = AddOptions {
        folders: vec![world.path("").to_str().unwrap().to_owned()],
        ..AddOptions::default()
    };
    let none = stream(Vec::new());
    world
        .collection()
        .add(&world.model, none, &gone, |_| {})
        .unwrap();
    let merge = || {
        let collection = world.collection();
        let file = |file: &str| Ok::<_, Error>(file.to_owned());
        let report = collection.merge(&other, &options, file, |_| {}).unwrap();
        (report.added, report.completed, report.present)
    };
    assert_eq!(merge(), (0, 2, 1));
    assert_eq!(merge(), (0, 0, 3));
    let within = SearchOptions {
        within: Within::Captions,
        ..top(9)
    };
    let hits = world.search(&Query::Text("further"), &within).hits;
    assert_eq!(hits.len(), 2);
    assert_eq!(hits[0].captions, ["known", "further"]);
    assert!(hits[0].caption.as_ref().unwrap().similarity > 0.999);
    assert_eq!(json!(hits[0].metadata), json!({"price": 3}));
    let info = world.collection().info();
    assert_eq!((info.pictures, info.missing), (2, 1));
    let check = CheckOptions {
        read: true,
        repair: false,
        stop: &AtomicBool::new(false),
        waiting: &|| (),
    };
    let checked = world.collection().check(&check, |_| {}).unwrap();
    assert!(checked.faults.is_empty(), "{checked:?}");
}
