//! Collections whose captions are embedded by another model than their pictures.

use std::fs;
use std::path::Path;

use clip::{Checkpoint, Model};
use picture::{Limits, Picture};
use search::{
    AddOptions, Collection, Error, ModelIdentity, NewRecord, Query, SearchOptions, Store,
};
use tempfile::TempDir;

use crate::world::stream;

fn model(name: &str) -> Model {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../clip/tests/fixtures");
    Model::load(Checkpoint::open(&fixtures.join(name)).unwrap()).unwrap()
}

fn pictures() -> Model {
    model("quick-gelu")
}

/// The pictures' model with the text model of another.
fn multilingual(text: &str) -> Model {
    pictures().with_text(model(text)).unwrap()
}

const ONE: &str = "multilingual/distilbert";
const OTHER: &str = "multilingual/bert";

fn identity(model: &Model, text: &str) -> ModelIdentity {
    ModelIdentity::of(model, "pictures").with_text(model, text)
}

struct World {
    directory: TempDir,
    store: Store,
}

impl World {
    fn new() -> World {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("store")).unwrap();
        for seed in 0..3 {
            let path = directory.path().join(format!("{seed}.png"));
            fs::write(path, squares(seed).to_png()).unwrap();
        }
        World { directory, store }
    }

    fn records(&self, captions: &[&str]) -> Vec<NewRecord> {
        let record = |seed| NewRecord {
            location: self
                .directory
                .path()
                .join(format!("{seed}.png"))
                .to_string_lossy()
                .into_owned(),
            captions: captions.iter().map(|&caption| caption.to_owned()).collect(),
            ..NewRecord::default()
        };
        (0..3).map(record).collect()
    }

    fn open(&self, identity: &ModelIdentity) -> search::Result<Collection<'_>> {
        self.store.collection_or_new("c", identity)
    }

    /// A collection created with `model`.
    fn filled(&self, model: &Model, text: &str, captions: &[&str]) -> Collection<'_> {
        let collection = self.open(&identity(model, text)).unwrap();
        add(&collection, model, self.records(captions)).unwrap();
        self.store.collection("c").unwrap()
    }
}

fn add(
    collection: &Collection<'_>,
    model: &Model,
    records: Vec<NewRecord>,
) -> search::Result<usize> {
    let report = collection.add(model, stream(records), &AddOptions::default(), |_| {})?;
    assert_eq!(report.failed, 0, "{:?}", report.reasons);
    Ok(report.added + report.updated)
}

fn squares(seed: u8) -> Picture {
    let pixel = |n: u32| match (n % 20 / 5 + n / 100 * u32::from(seed)) % 2 {
        0 => [10, 200, 70 * seed],
        _ => [240, 20, 30],
    };
    Picture::from_rgb(20, 20, (0..400).flat_map(pixel).collect()).unwrap()
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[track_caller]
fn assert_other_text_model(error: &Error, expected: &str) {
    assert_eq!(
        error.to_string(),
        format!(
            "the captions of collection `c` were embedded with text model `{expected}`, not with the given one"
        )
    );
}

#[test]
fn pictures_are_found_by_words_of_another_model() {
    let world = World::new();
    let collection = world.filled(&pictures(), "pictures", &["a square"]);
    assert_eq!(collection.model().text, None);
    let both = multilingual(ONE);
    let words = "два квадрата";
    let options = SearchOptions {
        top_k: 3,
        ..SearchOptions::default()
    };
    let hits = collection.search(&both, &Query::Text(words), &options);
    let hits = hits.unwrap().hits;
    assert_eq!(hits.len(), 3);
    let text = model(ONE).embed_text(words).unwrap();
    for hit in &hits {
        let bytes = std::fs::read(&hit.location).unwrap();
        let image = pictures().embed_bytes(&bytes, &Limits::default()).unwrap();
        let expected = dot(&text, &image);
        assert!(
            (hit.similarity.unwrap() - expected).abs() < 1e-5,
            "{}",
            hit.location
        );
    }
}

#[test]
fn captions_of_two_text_models_are_never_mixed() {
    let world = World::new();
    let collection = world.filled(&pictures(), "pictures", &["a square"]);
    let both = multilingual(ONE);
    let more = world.records(&["a square", "another"]);
    assert_other_text_model(&add(&collection, &both, more).unwrap_err(), "pictures");
    assert_other_text_model(
        &world.open(&identity(&both, "one")).unwrap_err(),
        "pictures",
    );

    let world = World::new();
    let collection = world.filled(&both, "one", &["ein Quadrat"]);
    assert_eq!(collection.model().text_reference(), "one");
    let other = multilingual(OTHER);
    for (model, text) in [(&pictures(), "pictures"), (&other, "other")] {
        let more = world.records(&["ein Quadrat", "noch eins"]);
        assert_other_text_model(&add(&collection, model, more).unwrap_err(), "one");
        assert_other_text_model(&world.open(&identity(model, text)).unwrap_err(), "one");
    }
    let more = world.records(&["ein Quadrat", "noch eins"]);
    assert_eq!(add(&collection, &both, more).unwrap(), 3);
    collection
        .export::<Error>(|embedding| {
            let texts: Vec<&str> = embedding
                .record
                .captions
                .iter()
                .map(String::as_str)
                .collect();
            assert_eq!(texts.len(), 2);
            let expected = model(ONE).embed_texts(&texts)?;
            for (found, expected) in embedding.captions.iter().zip(&expected) {
                assert!(dot(found, expected) > 0.9999);
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_collection_without_captions_takes_any_text_model() {
    let world = World::new();
    let collection = world.filled(&pictures(), "pictures", &[]);
    assert_eq!(collection.model().text_reference(), "pictures");
    for text in [ONE, OTHER] {
        let model = multilingual(text);
        let collection = world.filled(&model, text, &[]);
        assert_eq!(collection.model().text_reference(), text);
        let fingerprint = &collection.model().text.as_ref().unwrap().fingerprint;
        assert_eq!(fingerprint, model.text_fingerprint());
    }
    let collection = world.filled(&pictures(), "pictures", &["a square"]);
    assert_eq!(collection.model().text, None);
}

#[test]
fn the_pictures_model_is_still_what_counts() {
    let world = World::new();
    let collection = world.filled(&multilingual(ONE), "one", &["ein Quadrat"]);
    let options = SearchOptions {
        top_k: 3,
        ..SearchOptions::default()
    };
    // Queries may use the text model of any model with the same image space.
    for model in [pictures(), multilingual(OTHER)] {
        let hits = collection.search(&model, &Query::Text("a square"), &options);
        assert_eq!(hits.unwrap().hits.len(), 3);
    }
    let error = collection.search(&model(ONE), &Query::Text("a square"), &options);
    assert!(matches!(error.unwrap_err(), Error::OtherModel { .. }));
}
