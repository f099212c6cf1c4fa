//! A large JPEG has one vector, whoever asks for it, and so has a text.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use clip::{Template, ZeroShot};
use clipseek::{
    AddRequest, Classifier, Clipseek, GivenPicture, MINI, ModelChoice, PictureInput, ReadOptions,
    SearchRequest, Settings, embed_listing,
};
use picture::Picture;

/// A photograph's size: 12 megapixels.
const WIDTH: u32 = 4000;
const HEIGHT: u32 = 3000;

/// A JPEG of stripes and a gradient, whose vector depends on how it is made smaller.
fn large_jpeg() -> Vec<u8> {
    let pixel = |x: u32, y: u32| {
        let stripe = if (x / 3 + y / 5).is_multiple_of(2) {
            255
        } else {
            20
        };
        [stripe, (x * 255 / WIDTH) as u8, (y * 255 / HEIGHT) as u8]
    };
    let pixels = (0..HEIGHT).flat_map(|y| (0..WIDTH).flat_map(move |x| pixel(x, y)));
    Picture::from_rgb(WIDTH, HEIGHT, pixels.collect())
        .unwrap()
        .to_jpeg(90)
}

/// The same picture in another file: what follows a JPEG's end is not part of it.
fn other_file(jpeg: &[u8]) -> Vec<u8> {
    [jpeg, b"\n"].concat()
}

struct World {
    directory: tempfile::TempDir,
    clipseek: Clipseek,
}

impl World {
    fn with(jpeg: &[u8]) -> World {
        let directory = tempfile::tempdir().unwrap();
        let clipseek = Clipseek::new(Settings::in_directory(&directory.path().join("store")));
        let world = World {
            directory,
            clipseek,
        };
        fs::create_dir(world.pictures()).unwrap();
        fs::write(world.pictures().join("large.jpg"), jpeg).unwrap();
        world
    }

    fn pictures(&self) -> PathBuf {
        self.directory.path().join("pictures")
    }

    /// Adds the folder, and gives the one vector that the collection has.
    fn added(&self) -> Vec<f32> {
        let request = AddRequest {
            sources: vec![self.pictures()],
            model: ModelChoice::named(MINI),
            ..AddRequest::default()
        };
        let report = self
            .clipseek
            .add(request, &AtomicBool::new(false), &|_| {})
            .unwrap();
        assert_eq!(report.counts.added, 1);
        let mut vectors = Vec::new();
        let collection = self.clipseek.collection(None).unwrap();
        collection
            .export(|embedding| {
                vectors.push(embedding.image);
                Ok::<_, clipseek::Error>(())
            })
            .unwrap();
        vectors.remove(0)
    }

    /// The similarity of the collection's picture to another file.
    fn similarity_to(&self, file: &Path) -> f32 {
        let request = SearchRequest::picture(GivenPicture::At(file.to_owned()));
        let answer = self.clipseek.search(&request).unwrap();
        answer.found.hits[0].similarity.unwrap()
    }
}

#[test]
fn a_large_jpeg_has_one_vector() {
    let jpeg = large_jpeg();
    let world = World::with(&jpeg);
    let added = world.added();
    let models = world.clipseek.models();
    let model = models.load(&ModelChoice::named(MINI)).unwrap().model;

    // `embed --image`.
    let given = PictureInput::Bytes {
        name: "upload".to_owned(),
        bytes: jpeg.clone(),
    };
    assert_eq!(given.embed(&model, "embed").unwrap(), added);

    // `embed SOURCE` and `eval`.
    let listing = world
        .clipseek
        .read(&[world.pictures()], &ReadOptions::default())
        .unwrap();
    let mut embedded = Vec::new();
    let visit = |embedding: search::Embedding| {
        embedded.push(embedding.image);
        Ok(())
    };
    embed_listing(&model, &listing, visit, |_| {}).unwrap();
    assert_eq!(embedded, std::slice::from_ref(&added));

    // `classify`, of a file and of what is received.
    let labels = ["stripes".to_owned(), "a dog".to_owned()];
    let templates = [Template::default()];
    let zero_shot = ZeroShot::new(&model, &labels, &templates).unwrap();
    let expected = zero_shot.classify(&added);
    let classifier = Classifier::new(&model, &labels, &templates).unwrap();
    let mut classified = vec![classifier.picture(&given).unwrap()];
    let visit = |of_listing| classified.push(of_listing);
    classifier.listing(&listing, visit, |_| {}).unwrap();
    assert_eq!(classified.len(), 2);
    for of in classified {
        let scores = of.labels.iter().map(|label| label.similarity);
        assert!(scores.eq(expected.iter().map(|score| score.similarity)));
    }

    // The server.
    let collection = world.clipseek.collection(None).unwrap();
    let embedder = models.embedder(collection.model(), None).unwrap();
    assert_eq!(embedder.picture(&jpeg).unwrap(), added);

    // `search --image`: as the file itself is left out, by another with the same pixels.
    let other = world.directory.path().join("other.jpg");
    fs::write(&other, other_file(&jpeg)).unwrap();
    let itself: f32 = added.iter().map(|value| value * value).sum();
    let found = world.similarity_to(&other);
    assert!((found - itself).abs() < 1e-6, "{found} and {itself}");
}

/// By a model whose tokenizer does not pass over white space.
#[test]
fn a_text_has_one_vector_whatever_is_around_it() {
    let world = World::with(&large_jpeg());
    let text = "  a dog\u{a0} ";
    let table = world.pictures().join("table.csv");
    fs::write(&table, format!("path,caption\nlarge.jpg,\"{text}\"\n")).unwrap();
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../clip/tests/fixtures/siglip2");
    let choice = ModelChoice::named(directory.to_str().unwrap());
    let model = world.clipseek.models().load(&choice).unwrap().model;

    // `embed WORDS`, `search` and the server.
    let expected = model.embed_text("a dog").unwrap();
    assert_eq!(model.embed_text(text).unwrap(), expected);
    assert_eq!(search::Embedder::new(model).text(text).unwrap(), expected);

    // `embed TABLE` and `add`.
    let model = world.clipseek.models().load(&choice).unwrap().model;
    let listing = world.clipseek.read(&[table], &ReadOptions::default());
    let mut captions = Vec::new();
    let visit = |embedding: search::Embedding| {
        captions.extend(embedding.captions);
        Ok(())
    };
    embed_listing(&model, &listing.unwrap(), visit, |_| {}).unwrap();
    assert_eq!(captions, [expected]);
}
