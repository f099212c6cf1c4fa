//! Records that arrive one by one, in any order and at any speed.

use std::fs;
use std::iter;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use index::Selection;
use search::{AddEvent, AddOptions, Embedding, Error, Failure, IMAGES, IngestReport, NewRecord};

use crate::world::{World, new, stream};

/// A timeout for anything that happens at all.
const PATIENCE: Duration = Duration::from_secs(120);

/// More pictures than are read at a time.
const COUNT: usize = 80;

/// Pictures `0.png`, `1.png`, …, each with its number as its id and its own caption.
fn numbered() -> World {
    let world = World::new();
    let record = |n: usize| NewRecord {
        id: Some(n.to_string()),
        ..new(
            &world.picture(&name(n), n as u8),
            &[caption(n).as_str(), "stripes"],
        )
    };
    let report = world.add((0..COUNT).map(record).collect());
    assert_eq!((report.added, report.failed), (COUNT, 0));
    world
}

fn name(n: usize) -> String {
    format!("{n}.png")
}

fn caption(n: usize) -> String {
    format!("picture {n}")
}

/// Adds pictures in the order of `order`, giving `ids[n]` to picture `n` if it isn't empty, and without
/// captions.
fn give(world: &World, ids: &[String], order: &[usize]) -> (IngestReport, Vec<Failure>) {
    let records = order.iter().map(|&n| NewRecord {
        id: (!ids[n].is_empty()).then(|| ids[n].clone()),
        ..new(&world.path(&name(n)), &[])
    });
    add(world, stream(records.collect()), &AddOptions::default())
}

fn add(
    world: &World,
    records: impl Iterator<Item = search::Result<NewRecord>> + Send,
    options: &AddOptions<'_>,
) -> (IngestReport, Vec<Failure>) {
    let mut failures = Vec::new();
    let report = world
        .collection()
        .add(&world.model, records, options, |event| match event {
            AddEvent::Failed(failure) => failures.push(failure.clone()),
            AddEvent::Progress(_) => {}
        })
        .unwrap();
    assert_eq!(report.failed, failures.len());
    assert_eq!(report.reasons.values().sum::<usize>(), failures.len());
    (report, failures)
}

/// Checks that picture `n` has the id `ids[n]`, its own captions, and its own vector.
#[track_caller]
fn check(world: &World, ids: &[String]) {
    let mut embeddings: Vec<Embedding> = Vec::new();
    let collection = world.collection();
    let incomplete = collection.export::<Error>(|embedding| {
        embeddings.push(embedding);
        Ok(())
    });
    assert_eq!(incomplete.unwrap(), 0);
    assert_eq!(embeddings.len(), ids.len());
    for embedding in embeddings {
        let record = embedding.record;
        let stem = record.path().file_stem().unwrap().to_str().unwrap();
        let n: usize = stem.parse().unwrap();
        assert_eq!(record.id, ids[n], "{stem}");
        assert_eq!(record.captions, [caption(n).as_str(), "stripes"], "{stem}");
        let expected = world.vector(&fs::read(record.path()).unwrap());
        let cosine: f32 = expected
            .iter()
            .zip(&embedding.image)
            .map(|(a, b)| a * b)
            .sum();
        assert!(cosine > 0.99999, "{stem} has another picture's vector");
    }
    assert_eq!(collection.captions().unwrap(), 2 * ids.len() as u64);
    let index = world.store.engine().index("c").unwrap();
    let vectors = [IMAGES, search::CAPTIONS].map(|namespace| index.count(namespace).unwrap());
    assert_eq!(vectors, [ids.len() as u64, 2 * ids.len() as u64]);
}

fn numbers(of: impl Fn(usize) -> usize) -> Vec<String> {
    (0..COUNT).map(|n| of(n).to_string()).collect()
}

#[test]
fn ids_change_places_in_any_order() {
    let world = numbered();
    let forwards: Vec<usize> = (0..COUNT).collect();
    let backwards: Vec<usize> = (0..COUNT).rev().collect();
    // 37 and 80 are coprime: every picture comes once, far from its neighbours.
    let scattered: Vec<usize> = (0..COUNT).map(|n| n * 37 % COUNT).collect();
    let swapped = |n: usize| match n {
        0 => 1,
        1 => 0,
        5 => 70,
        70 => 5,
        other => other,
    };
    let cycle = [2, 33, 64, 7, 79];
    let cycled = |n: usize| match cycle.iter().position(|&it| it == n) {
        Some(at) => cycle[(at + 1) % cycle.len()],
        None => n,
    };
    for (ids, order) in [
        (numbers(swapped), &forwards),
        (numbers(cycled), &backwards),
        (numbers(|n| n), &scattered),
        (numbers(|n| (n + 1) % COUNT), &forwards),
        (numbers(|n| n), &forwards),
        (numbers(|n| (n + 1) % COUNT), &backwards),
        (numbers(|n| n * 37 % COUNT), &scattered),
        // Unused ids.
        (numbers(|n| n + 1000), &forwards),
        // As before, except the last, which has a new one.
        (numbers(|n| n + 1001), &forwards),
        (numbers(|n| n + 1002), &backwards),
    ] {
        let (report, failures) = give(&world, &ids, order);
        assert_eq!(failures, []);
        assert_eq!(report.done(), COUNT);
        check(&world, &ids);
        let again = give(&world, &ids, order).0;
        assert_eq!(again.unchanged, COUNT, "{again:?}");
    }
}

#[test]
fn an_id_that_is_kept_is_refused_to_all_who_wait_for_it() {
    let world = numbered();
    // 0 claims the id of 1, 1 that of 2, and so on; 40 comes without an id, and 60 not at all.
    let mut ids: Vec<String> = (1..=COUNT).map(|n| n.to_string()).collect();
    ids[40] = String::new();
    let order: Vec<usize> = (0..COUNT).filter(|&n| n != 60).collect();
    let (report, failures) = give(&world, &ids, &order);
    assert_eq!(report.reasons["id is taken"], 59, "{report:?}");
    let is_of = |name: &str| {
        let failure = failures
            .iter()
            .find(|failure| failure.location.ends_with(name))
            .unwrap();
        failure.message.clone()
    };
    assert!(is_of("/39.png").ends_with("/40.png`"));
    assert!(is_of("/59.png").ends_with("/60.png`"));
    assert_eq!((report.unchanged, report.updated), (1, 19));
    // Refused records are unchanged.
    let expected = numbers(|n| if n > 60 { n + 1 } else { n });
    check(&world, &expected);
}

#[test]
fn a_place_counts_once() {
    let world = World::new();
    let (a, b) = (world.picture("a.png", 1), world.picture("b.png", 2));
    let records = vec![new(&a, &["one"]), new(&b, &[]), new(&a, &["two"])];
    let (report, failures) = add(&world, stream(records), &AddOptions::default());
    assert_eq!((report.added, report.reasons["repeated"]), (2, 1));
    assert_eq!(failures[0].location, a.to_str().unwrap());
    let collection = world.collection();
    assert_eq!(collection.captions().unwrap(), 1);
    // In a run of its own, it keeps its id.
    assert_eq!(world.add(vec![new(&a, &["two", "three"])]).updated, 1);
    assert_eq!(collection.captions().unwrap(), 2);
}

#[test]
fn an_id_made_of_a_place_yields_to_the_picture_that_has_it() {
    let world = World::new();
    let a = world.picture("a.png", 1);
    world.add(vec![new(&a, &["the first"])]);
    // It is moved, and keeps the id made of its old location, where another picture is put.
    let b = world.path("b.png");
    fs::rename(&a, &b).unwrap();
    assert_eq!(world.add(vec![new(&b, &[])]).moved, 1);
    world.picture("a.png", 2);
    assert_eq!(world.add(vec![new(&a, &["the second"])]).added, 1);
    let both = vec![new(&a, &[]), new(&b, &[])];
    assert_eq!(world.add(both).unchanged, 2);
    let mut captions = Vec::new();
    let export = world.collection().export::<Error>(|embedding| {
        captions.extend(embedding.record.captions);
        Ok(())
    });
    assert_eq!(export.unwrap(), 0);
    captions.sort();
    assert_eq!(captions, ["the first", "the second"]);
}

#[test]
fn an_id_made_of_a_place_is_not_given_twice() {
    let world = World::new();
    let (a, b) = (world.picture("a.png", 1), world.picture("b.png", 2));
    world.add(vec![new(&a, &[])]);
    let mut own = String::new();
    let export = world.collection().export::<Error>(|embedding| {
        own = embedding.record.id;
        Ok(())
    });
    assert_eq!(export.unwrap(), 0);
    for order in [[&a, &b], [&b, &a]] {
        let records = order.map(|path| NewRecord {
            id: (path == &b).then(|| own.clone()),
            ..new(path, &[])
        });
        let other = World::new();
        let (report, failures) = add(&other, stream(records.to_vec()), &AddOptions::default());
        assert_eq!((report.done(), report.added + report.failed), (2, 2));
        let vectors = other.store.engine().index("c").unwrap().count(IMAGES);
        assert_eq!(vectors.unwrap(), report.added as u64, "{failures:?}");
    }
}

#[test]
fn a_fetched_file_that_is_gone_has_not_moved() {
    let world = World::new();
    let fetched = world.picture("fetched.png", 1);
    let of_url = || NewRecord {
        location: "https://example.org/1.png".to_owned(),
        file: Some(fetched.to_str().unwrap().to_owned()),
        ..new(&fetched, &["of a URL"])
    };
    world.add(vec![of_url()]);
    let copy = world.path("copy.png");
    fs::rename(&fetched, &copy).unwrap();
    assert_eq!(world.add(vec![new(&copy, &[])]).added, 1);
    assert_eq!(world.collection().pictures(), 2);
    world.picture("fetched.png", 1);
    assert_eq!(world.add(vec![of_url()]).unchanged, 1);
}

/// Sends the number of pictures added so far after each write.
fn telling(world: &World, told: &Sender<usize>, records: Vec<NewRecord>, last: Last<'_>) -> usize {
    let then = iter::once_with(last).flatten();
    let records = stream(records).chain(then);
    let report = world
        .collection()
        .add(&world.model, records, &AddOptions::default(), |event| {
            if let AddEvent::Progress(report) = event {
                told.send(report.added).unwrap();
            }
        });
    report.unwrap().added
}

/// The records after those that are available at once.
type Last<'a> = &'a (dyn Fn() -> Option<search::Result<NewRecord>> + Sync);

/// A receiver shared by several threads, used by one.
struct Told(std::sync::Mutex<Receiver<usize>>);

impl Told {
    fn wait_for(&self, count: usize) {
        let told = self.0.lock().unwrap();
        while told.recv_timeout(PATIENCE).expect("it is told in time") < count {}
    }
}

fn told() -> (Sender<usize>, Told) {
    let (sender, receiver) = channel();
    (sender, Told(receiver.into()))
}

#[test]
fn copies_far_apart_are_embedded_once() {
    let world = World::new();
    // More than can be in flight at a time.
    let count = 320;
    let record = |n: usize| {
        let path = world.path(&name(n));
        let pixels = [n as u8, (n >> 8) as u8, 7].repeat(64);
        let picture = picture::Picture::from_rgb(8, 8, pixels).unwrap();
        fs::write(&path, picture.to_png()).unwrap();
        new(&path, &[])
    };
    let records: Vec<NewRecord> = (0..count).map(record).collect();
    fs::copy(world.path("0.png"), world.path("copy.png")).unwrap();
    let (sender, told) = told();
    world.collection();
    let index = world.store.engine().index("c").unwrap();
    let id_of = |name: &str| {
        let mut id = None;
        let location = world.path(name);
        let export = world.collection().export::<Error>(|embedding| {
            if embedding.record.path() == location {
                id = Some(embedding.record.id);
            }
            Ok(())
        });
        export.unwrap();
        id.unwrap()
    };
    // After the first is written, its vector is changed. Embedding the copy again would give another one.
    let last = || {
        told.wait_for(32);
        let mut vector = index.fetch(IMAGES, &[&id_of("0.png")]).unwrap().remove(0);
        vector.values.reverse();
        index.upsert(IMAGES, &[vector]).unwrap();
        Some(Ok(new(&world.path("copy.png"), &[])))
    };
    let added = telling(&world, &sender, records, &last);
    assert_eq!(added, count + 1);
    let ids = [id_of("0.png"), id_of("copy.png")];
    let vectors = index.fetch(IMAGES, &[&ids[0], &ids[1]]).unwrap();
    assert_eq!(vectors[0].values, vectors[1].values);
}

#[test]
fn what_has_come_is_indexed_while_more_is_awaited() {
    let world = World::new();
    let record = |n: usize| new(&world.picture(&name(n), n as u8), &["early"]);
    let (sender, told) = told();
    let late = world.picture("late.png", 9);
    let last = || {
        told.wait_for(3);
        Some(Ok(new(&late, &["late"])))
    };
    let added = telling(&world, &sender, (0..3).map(record).collect(), &last);
    assert_eq!(added, 4);
}

#[test]
fn a_run_that_waits_for_records_can_be_stopped() {
    let world = World::new();
    let record = |n: usize| new(&world.picture(&name(n), n as u8), &[]);
    let records: Vec<NewRecord> = (0..3).map(record).collect();
    let stop = AtomicBool::new(false);
    let (sender, told) = told();
    let endless = iter::repeat_with(|| {
        if !stop.load(Ordering::Relaxed) {
            told.wait_for(3);
            stop.store(true, Ordering::Relaxed);
        }
        Ok(new(&world.path(&name(4)), &[]))
    });
    let options = AddOptions {
        stop: &stop,
        ..AddOptions::default()
    };
    let report = world
        .collection()
        .add(
            &world.model,
            stream(records).chain(endless),
            &options,
            |event| {
                if let AddEvent::Progress(report) = event {
                    sender.send(report.added).unwrap();
                }
            },
        )
        .unwrap();
    assert!(report.stopped);
    assert_eq!(report.added, 3);
}

#[derive(Debug)]
enum SourceError {
    Search(Error),
    Broken,
}

impl From<Error> for SourceError {
    fn from(error: Error) -> SourceError {
        SourceError::Search(error)
    }
}

#[test]
fn what_came_before_the_source_failed_is_kept() {
    let world = World::new();
    let record = |n: usize| Ok(new(&world.picture(&name(n), n as u8), &[]));
    let records: Vec<Result<NewRecord, SourceError>> = (0..40).map(record).collect();
    let records = records.into_iter().chain([Err(SourceError::Broken)]);
    let added = world
        .collection()
        .add(&world.model, records, &AddOptions::default(), |_| {});
    assert!(matches!(added, Err(SourceError::Broken)), "{added:?}");
    assert_eq!(world.collection().pictures(), 40);
    let other = crate::world::model("gelu");
    let none = iter::empty::<Result<NewRecord, SourceError>>();
    let added = world
        .collection()
        .add(&other, none, &AddOptions::default(), |_| {});
    let error = added.unwrap_err();
    assert!(matches!(
        error,
        SourceError::Search(Error::OtherModel { .. })
    ));
    // The same for embedding without a collection.
    let mut seen = 0;
    let records = [
        Ok(new(&world.path("0.png"), &[])),
        Err(SourceError::Broken),
        Ok(new(&world.path("1.png"), &[])),
    ];
    let limits = picture::Limits::default();
    let embedded = search::embed(&world.model, records, &limits, |_| {
        seen += 1;
        Ok(())
    });
    assert!(matches!(embedded, Err(SourceError::Broken)));
    assert_eq!(seen, 1);
}

#[test]
fn failures_are_handed_out_as_they_happen() {
    let world = World::new();
    fs::write(world.path("words.jpg"), "no picture").unwrap();
    let mut records = vec![new(&world.path("words.jpg"), &[])];
    records.extend((0..40).map(|n| new(&world.picture(&name(n), n as u8), &[])));
    records.push(new(&world.path("missing.jpg"), &[]));
    let mut told: Vec<(usize, String)> = Vec::new();
    let mut added = 0;
    let report = world
        .collection()
        .add(
            &world.model,
            stream(records),
            &AddOptions::default(),
            |event| match event {
                AddEvent::Failed(failure) => told.push((added, failure.reason.clone())),
                AddEvent::Progress(report) => added = report.added,
            },
        )
        .unwrap();
    assert_eq!((report.added, report.failed), (40, 2));
    assert_eq!(told[0], (0, "not a picture".to_owned()));
    assert!(told[1].0 >= 31, "{told:?}");
    let reasons: Vec<&String> = report.reasons.keys().collect();
    assert!(reasons.contains(&&told[1].1));
}

#[test]
fn vectors_that_were_deleted_by_hand_are_made_again_for_ids_that_change() {
    let world = numbered();
    let index = world.store.engine().index("c").unwrap();
    let some = ["3", "4", "50"].map(str::to_owned).to_vec();
    index.delete(IMAGES, &Selection::Ids(some)).unwrap();
    let ids = numbers(|n| (n + 1) % COUNT);
    let order: Vec<usize> = (0..COUNT).collect();
    assert_eq!(give(&world, &ids, &order).1, []);
    check(&world, &ids);
}
