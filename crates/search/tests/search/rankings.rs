//! Searches in pictures, in captions and by keywords, and all of them together.

use std::fs;
use std::path::{Path, PathBuf};

use clip::{Checkpoint, Model};
use index::Filter;
use picture::Picture;
use rusqlite::Connection;
use search::{
    AddOptions, Collection, Error, Hits, Keywords, ModelIdentity, NewRecord, Query, SearchOptions,
    Store, Within,
};
use serde_json::json;
use tempfile::TempDir;

use crate::world::{stream, top};

type TestResult = Result<(), Box<dyn std::error::Error>>;

/// Captions and folders of the pictures.
const PICTURES: &[(&str, &[&str])] = &[
    ("beach/a.png", &["red shoes on a beach", "a pair of shoes"]),
    ("beach/b.png", &["a red hat", "nothing but sand", "the sea"]),
    ("town/c.png", &["shoes in a red shop"]),
    ("town/Café_2019.png", &[]),
];

struct World {
    directory: TempDir,
    store: Store,
    model: Model,
}

impl World {
    fn new() -> World {
        let directory = tempfile::tempdir().unwrap();
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../clip/tests/fixtures");
        let checkpoint = Checkpoint::open(&fixtures.join("quick-gelu")).unwrap();
        World {
            store: Store::open(&directory.path().join("store")).unwrap(),
            model: Model::load(checkpoint).unwrap(),
            directory,
        }
    }

    fn filled() -> World {
        let world = World::new();
        let records = PICTURES.iter().enumerate().map(|(n, (name, captions))| {
            let path = world.picture(name, n as u8);
            let mut record = record(&path, captions);
            record.metadata.insert("n".into(), n.into());
            record
        });
        let report = world
            .collection("c")
            .add(
                &world.model,
                stream(records.collect()),
                &AddOptions::default(),
                |_| {},
            )
            .unwrap();
        assert_eq!(report.added, PICTURES.len());
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn picture(&self, name: &str, seed: u8) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let pixels = (0..1200u32).flat_map(|n| [n as u8, seed * 60, (n / 40 * 8) as u8]);
        let picture = Picture::from_rgb(40, 30, pixels.collect()).unwrap();
        fs::write(&path, picture.to_png()).unwrap();
        path
    }

    fn collection(&self, name: &str) -> Collection<'_> {
        let identity = ModelIdentity::of(&self.model, "random");
        self.store.collection_or_new(name, &identity).unwrap()
    }

    fn search(&self, query: &Query<'_>, options: &SearchOptions) -> Hits {
        let collection = self.collection("c");
        collection.search(&self.model, query, options).unwrap()
    }

    fn with_keywords(&self, text: &str) -> Vec<String> {
        let keywords = Keywords::parse(text).unwrap();
        let collection = self.collection("c");
        names(&collection.search_keywords(&keywords, &top(10)).unwrap())
    }

    /// The catalogue, opened for writing like any program may.
    fn sql(&self, statements: &str) {
        let connection = Connection::open(self.path("store/catalogue.sqlite")).unwrap();
        connection
            .pragma_update(None, "foreign_keys", true)
            .unwrap();
        connection.execute_batch(statements).unwrap();
    }
}

fn record(path: &Path, captions: &[&str]) -> NewRecord {
    NewRecord {
        location: path.to_str().unwrap().to_owned(),
        captions: captions.iter().map(|&caption| caption.to_owned()).collect(),
        ..NewRecord::default()
    }
}

fn options(within: Within, keywords: Option<&str>) -> SearchOptions {
    SearchOptions {
        top_k: 10,
        within,
        keywords: keywords.map(|text| Keywords::parse(text).unwrap()),
        ..SearchOptions::default()
    }
}

fn names(hits: &Hits) -> Vec<String> {
    let name = |location: &str| location.rsplit('/').next().unwrap().to_owned();
    hits.hits.iter().map(|hit| name(&hit.location)).collect()
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[test]
fn the_nearest_caption_of_a_picture_counts_once() -> TestResult {
    let world = World::filled();
    let query = world.model.embed_text("a shoe")?;
    let mut expected: Vec<(String, String, f32)> = Vec::new();
    for (name, captions) in PICTURES.iter().filter(|(_, captions)| !captions.is_empty()) {
        let cosine = |caption: &&&str| dot(&query, &world.model.embed_text(caption).unwrap());
        let best = captions
            .iter()
            .max_by(|a, b| cosine(a).total_cmp(&cosine(b)))
            .unwrap();
        let name = name.rsplit('/').next().unwrap().to_owned();
        expected.push((name, (*best).to_owned(), cosine(&best)));
    }
    expected.sort_by(|a, b| b.2.total_cmp(&a.2));
    let hits = world.search(&Query::Text("a shoe"), &options(Within::Captions, None));
    assert_eq!(
        hits.hits.len(),
        3,
        "a picture without captions has none that is near"
    );
    for (hit, (name, caption, cosine)) in hits.hits.iter().zip(&expected) {
        let found = hit.caption.as_ref().unwrap();
        assert!(hit.location.ends_with(name.as_str()));
        assert_eq!(&found.text, caption);
        assert!((found.similarity - cosine).abs() < 1e-5);
        assert_eq!((hit.similarity, hit.keyword_rank), (None, None));
    }
    assert_eq!(
        hits.best,
        hits.hits[0].caption.as_ref().map(|it| it.similarity)
    );
    Ok(())
}

#[test]
fn enough_pictures_are_found_among_many_captions() {
    let world = World::new();
    let many: Vec<String> = (0..60).map(|n| format!("a caption of {n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let records = vec![
        record(&world.picture("many.png", 1), &many),
        record(&world.picture("one.png", 2), &["elsewhere"]),
    ];
    let collection = world.collection("c");
    collection
        .add(
            &world.model,
            stream(records),
            &AddOptions::default(),
            |_| {},
        )
        .unwrap();
    let options = SearchOptions {
        top_k: 2,
        within: Within::Captions,
        ..SearchOptions::default()
    };
    let hits = world.search(&Query::Text("a caption of 7"), &options);
    assert_eq!(names(&hits), ["many.png", "one.png"]);
}

#[test]
fn both_are_joined_by_rank() {
    let world = World::filled();
    let query = Query::Text("red shoes");
    let images = world.search(&query, &options(Within::Images, None));
    let captions = world.search(&query, &options(Within::Captions, None));
    let both = world.search(&query, &options(Within::Both, None));
    let rank = |hits: &Hits, id: &str| hits.hits.iter().position(|hit| hit.id == id);
    let score = |id: &str| {
        let of = |rank: Option<usize>| rank.map_or(0.0, |rank| 1.0 / (61.0 + rank as f64));
        of(rank(&images, id)) + of(rank(&captions, id))
    };
    assert_eq!(both.hits.len(), 4);
    for pair in both.hits.windows(2) {
        let scores = (score(&pair[0].id), score(&pair[1].id));
        assert!(scores.0 >= scores.1, "{scores:?}");
    }
    for hit in &both.hits {
        let image = &images.hits[rank(&images, &hit.id).unwrap()];
        assert_eq!(hit.similarity, image.similarity);
        let caption = rank(&captions, &hit.id).map(|n| captions.hits[n].caption.clone());
        assert_eq!(hit.caption, caption.flatten());
    }
    assert_eq!(
        both.best,
        images
            .best
            .into_iter()
            .chain(captions.best)
            .reduce(f32::max)
    );
}

#[test]
fn a_threshold_is_for_each_kind_of_vector() {
    let world = World::filled();
    let query = Query::Text("red shoes");
    let captions = world.search(&query, &options(Within::Captions, None));
    let cosine = |n: usize| captions.hits[n].caption.as_ref().unwrap().similarity;
    let above = SearchOptions {
        threshold: Some(cosine(1)),
        ..options(Within::Captions, None)
    };
    assert_eq!(world.search(&query, &above).hits, captions.hits[..2]);
    let nothing = SearchOptions {
        threshold: Some(1.0),
        ..options(Within::Both, Some("hat"))
    };
    let hits = world.search(&query, &nothing);
    assert_eq!(names(&hits), ["b.png"], "keywords have no cosine");
    assert!(hits.best.is_some());
}

#[test]
fn pictures_ask_for_captions_too_and_are_left_out() -> TestResult {
    let world = World::filled();
    let bytes = fs::read(world.path("beach/a.png"))?;
    let query = Query::Picture(&bytes);
    let hits = world.search(&query, &options(Within::Both, Some("shoes")));
    assert!(!names(&hits).contains(&"a.png".to_owned()));
    assert_eq!(hits.hits.len(), 3);
    Ok(())
}

#[test]
fn keywords_are_found_in_captions_names_and_folders() {
    let world = World::filled();
    let sorted = |text: &str| {
        let mut names = world.with_keywords(text);
        names.sort();
        names
    };
    assert_eq!(sorted("red shoes"), ["a.png", "c.png"]);
    assert_eq!(sorted("\"red shoes\""), ["a.png"]);
    assert_eq!(sorted("RED sho*"), ["a.png", "c.png"]);
    assert_eq!(sorted("shoes pair"), ["a.png"], "of several captions");
    assert_eq!(sorted("town"), ["Café_2019.png", "c.png"]);
    assert_eq!(sorted("cafe 2019"), ["Café_2019.png"]);
    assert!(sorted("red unicorn").is_empty());
    let without = Keywords::without("red", &["beach"]).unwrap();
    let hits = world.collection("c").search_keywords(&without, &top(10));
    assert_eq!(names(&hits.unwrap()), ["c.png"]);
}

#[test]
fn keywords_heed_the_filter_and_their_own_collection() -> TestResult {
    let world = World::filled();
    let other = world.collection("other");
    let records = vec![record(&world.path("town/c.png"), &["red shoes"])];
    other.add(
        &world.model,
        stream(records),
        &AddOptions::default(),
        |_| {},
    )?;
    let keywords = Keywords::parse("red")?;
    let filter = Filter::parse(&json!({"n": {"$gte": 1}}))?;
    let hits = world.collection("c").search_keywords(
        &keywords,
        &SearchOptions {
            filter: Some(filter),
            ..top(10)
        },
    )?;
    let mut found = names(&hits);
    found.sort();
    assert_eq!(found, ["b.png", "c.png"]);
    assert_eq!(other.search_keywords(&keywords, &top(10))?.hits.len(), 1);
    assert_eq!(
        world
            .collection("c")
            .search_keywords(&keywords, &top(1))?
            .hits
            .len(),
        1
    );
    Ok(())
}

#[test]
fn no_keywords_break_the_search() {
    let world = World::filled();
    for text in [
        "a\"",
        "\"a",
        "a AND",
        "NEAR(a b",
        "captions:",
        "a OR OR b",
        "-a",
        "^a",
        "a + b",
        "(a",
        "a)",
        "'",
        "a;b",
        "{a} : b",
        "a\u{0}b",
        "\u{301}a",
        "ª",
        "a**",
        "*a",
        "🐕a",
        "a\\",
    ] {
        match Keywords::parse(text) {
            Ok(keywords) => {
                let found = world.collection("c").search_keywords(&keywords, &top(10));
                assert!(found.is_ok(), "{text:?}: {found:?}");
            }
            Err(error) => assert!(matches!(error, Error::NoKeywords { .. }), "{text:?}"),
        }
    }
}

#[test]
fn keywords_follow_whatever_is_written() {
    let world = World::filled();
    let location = |name: &str| world.path(name).to_str().unwrap().to_owned();
    let (a, b) = (location("beach/a.png"), location("beach/b.png"));
    // Changed in place.
    world.sql(&format!(
        "UPDATE records SET captions = '[\"zebra\"]' WHERE place = '{a}'"
    ));
    assert_eq!(world.with_keywords("zebra"), ["a.png"]);
    assert_eq!(world.with_keywords("red shoes"), ["c.png"]);
    // Replaced by another id at the same location, which fires no delete trigger.
    world.sql(&format!(
        "INSERT OR REPLACE INTO records (collection, id, place, hash, width, height, captions, metadata)
         SELECT collection, 'other', place, hash, width, height,
         '[\"yak\"]', metadata FROM records WHERE place = '{b}'"
    ));
    assert!(world.with_keywords("sea").is_empty());
    // Replaced by its own id.
    world.sql(&format!(
        "INSERT OR REPLACE INTO records (collection, id, place, hash, width, height, captions, metadata)
         SELECT collection, id, place, hash, width, height,
         '[\"okapi\"]', metadata FROM records WHERE place = '{a}'"
    ));
    assert!(world.with_keywords("zebra").is_empty());
    assert_eq!(world.with_keywords("okapi"), ["a.png"]);
    // Overwritten.
    world.sql(&format!(
        "INSERT INTO records (collection, id, place, hash, width, height, captions, metadata)
         SELECT collection, id, place, hash, width, height, '[\"ibex\"]', metadata
         FROM records WHERE place = '{a}'
         ON CONFLICT (collection, id) DO UPDATE SET captions = excluded.captions"
    ));
    assert!(world.with_keywords("okapi").is_empty());
    assert_eq!(world.with_keywords("ibex"), ["a.png"]);
    world.sql(&format!("DELETE FROM records WHERE place = '{a}'"));
    assert!(world.with_keywords("ibex").is_empty());
    // Deleted with the collection.
    world
        .store
        .delete_collection("c", &AddOptions::default())
        .unwrap();
    let connection = Connection::open(world.path("store/catalogue.sqlite")).unwrap();
    let left: i64 = connection
        .query_row("SELECT count(*) FROM keywords", [], |row| row.get(0))
        .unwrap();
    assert_eq!(left, 0);
}

#[test]
fn an_earlier_store_gets_its_keywords() {
    let world = World::filled();
    // The tables of version 2.
    world.sql(
        "CREATE TABLE version_2 (
             collection  INTEGER NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
             id          TEXT NOT NULL,
             place       TEXT NOT NULL,
             hash        TEXT NOT NULL,
             width       INTEGER NOT NULL,
             height      INTEGER NOT NULL,
             captions    TEXT NOT NULL,
             metadata    TEXT NOT NULL,
             PRIMARY KEY (collection, id),
             UNIQUE (collection, place)
         ) WITHOUT ROWID;
         INSERT INTO version_2
             SELECT collection, id, place, hash, width, height, captions, metadata FROM records;
         DROP TABLE records; ALTER TABLE version_2 RENAME TO records;
         CREATE INDEX records_by_hash ON records (collection, hash);
         ALTER TABLE collections DROP COLUMN pictures; ALTER TABLE collections DROP COLUMN missing;
         ALTER TABLE collections DROP COLUMN captions; ALTER TABLE collections DROP COLUMN engine;
         DROP TABLE keywords; DROP TABLE unfinished; DROP TABLE sources;
         ALTER TABLE collections DROP COLUMN salt;
         PRAGMA user_version = 2;",
    );
    let store = Store::open(&world.path("store")).unwrap();
    let collection = store.collection("c").unwrap();
    let keywords = Keywords::parse("red shoes beach").unwrap();
    let hits = collection.search_keywords(&keywords, &top(10)).unwrap();
    assert_eq!(names(&hits), ["a.png"]);
}
