//! A store and a folder of small pictures, indexed with a random CLIP checkpoint.

use std::fs;
use std::path::{Path, PathBuf};

use clip::{Checkpoint, Model};
use picture::{Limits, Picture};
use search::{
    AddOptions, Hits, IngestReport, ModelIdentity, NewRecord, Query, Result, SearchOptions, Store,
};
use tempfile::TempDir;

pub(crate) type TestResult = std::result::Result<(), Box<dyn std::error::Error>>;

/// A store and a folder of pictures.
pub(crate) struct World {
    pub(crate) directory: TempDir,
    pub(crate) store: Store,
    pub(crate) model: Model,
}

impl World {
    pub(crate) fn new() -> World {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("store")).unwrap();
        World {
            directory,
            store,
            model: model("quick-gelu"),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a picture with stripes that no other seed has.
    pub(crate) fn picture(&self, name: &str, seed: u8) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, stripes(seed).to_png()).unwrap();
        path
    }

    pub(crate) fn collection(&self) -> search::Collection<'_> {
        self.store
            .collection_or_new("c", &ModelIdentity::of(&self.model, "random"))
            .unwrap()
    }

    pub(crate) fn add(&self, records: Vec<NewRecord>) -> IngestReport {
        self.collection()
            .add(&self.model, stream(records), &AddOptions::default(), |_| {})
            .unwrap()
    }

    /// A collection of six pictures, `0.png` to `5.png`, the first three with captions.
    pub(crate) fn filled() -> World {
        let world = World::new();
        let records = (0..6).map(|seed| {
            let captions: &[&str] = if seed < 3 {
                &["one stripe", "two stripes"]
            } else {
                &[]
            };
            let mut record = new(&world.picture(&format!("{seed}.png"), seed), captions);
            record.metadata.insert("seed".into(), seed.into());
            record
        });
        let report = world.add(records.collect());
        assert_eq!((report.added, report.failed), (6, 0));
        world
    }

    /// The vector of a picture's file.
    pub(crate) fn vector(&self, bytes: &[u8]) -> Vec<f32> {
        self.model.embed_bytes(bytes, &Limits::default()).unwrap()
    }

    pub(crate) fn search(&self, query: &Query<'_>, options: &SearchOptions) -> Hits {
        self.collection()
            .search(&self.model, query, options)
            .unwrap()
    }
}

pub(crate) fn model(name: &str) -> Model {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../clip/tests/fixtures");
    Model::load(Checkpoint::open(&fixtures.join(name)).unwrap()).unwrap()
}

pub(crate) fn stripes(seed: u8) -> Picture {
    let pixel = |n: u32| {
        let (x, y) = (n % 40, n / 40);
        let on = (x * (1 + u32::from(seed)) + y * u32::from(seed % 3)) / 7 % 2 == 0;
        let (light, dark) = (seed.wrapping_mul(20), seed.wrapping_mul(10));
        if on {
            [light, 200, 255 - light]
        } else {
            [240, dark, 30]
        }
    };
    Picture::from_rgb(40, 30, (0..1200).flat_map(pixel).collect()).unwrap()
}

pub(crate) fn new(path: &Path, captions: &[&str]) -> NewRecord {
    NewRecord {
        location: path.to_str().unwrap().to_owned(),
        captions: captions.iter().map(|&caption| caption.to_owned()).collect(),
        ..NewRecord::default()
    }
}

/// Records as a source gives them.
pub(crate) fn stream(records: Vec<NewRecord>) -> impl Iterator<Item = Result<NewRecord>> + Send {
    records.into_iter().map(Ok)
}

pub(crate) fn top(top_k: usize) -> SearchOptions {
    SearchOptions {
        top_k,
        ..SearchOptions::default()
    }
}

pub(crate) fn names(hits: &Hits) -> Vec<&str> {
    hits.hits
        .iter()
        .map(|hit| hit.location.rsplit('/').next().unwrap())
        .collect()
}
