//! Duplicate pictures.

use std::fs;
use std::time::{Duration, SystemTime};

use index::Filter;
use picture::{Filter as Resampling, Picture, Size, Window};
use search::{
    AddOptions, DuplicateGroup, DuplicateOptions, Duplicates, Error, Hits, NewRecord, Query,
    SearchOptions,
};
use serde_json::json;

use crate::world::{TestResult, World, new, stream, stripes, top};

fn options(threshold: f32) -> DuplicateOptions {
    DuplicateOptions {
        threshold,
        filter: None,
    }
}

fn duplicates(world: &World, threshold: f32) -> Duplicates {
    let found = world
        .collection()
        .duplicates(&options(threshold), |_, _| {});
    found.unwrap()
}

fn name(location: &str) -> &str {
    location.rsplit('/').next().unwrap()
}

/// The names of a group, beginning with the picture to keep.
fn names(group: &DuplicateGroup) -> Vec<&str> {
    let others = group.duplicates.iter().map(|other| &other.file.location);
    [&group.keep.location]
        .into_iter()
        .chain(others)
        .map(|location| name(location))
        .collect()
}

fn add(world: &World, names: &[&str]) {
    let records: Vec<NewRecord> = names.iter().map(|it| new(&world.path(it), &[])).collect();
    let report = world.add(records);
    assert_eq!(report.failed, 0);
}

fn larger(picture: &Picture) -> Picture {
    let size = Size {
        width: 3 * picture.width(),
        height: 3 * picture.height(),
    };
    let all = Window {
        left: 0,
        top: 0,
        width: size.width,
        height: size.height,
    };
    picture.resample(size, all, Resampling::Bicubic)
}

/// Makes a file older by this many hours.
fn age(world: &World, name: &str, hours: u64) {
    let file = fs::File::options()
        .write(true)
        .open(world.path(name))
        .unwrap();
    let time = SystemTime::now() - Duration::from_secs(3600 * hours);
    file.set_modified(time).unwrap();
}

#[test]
fn copies_are_found_whatever_the_threshold_and_the_oldest_is_kept() {
    let world = World::filled();
    for (copy, hours) in [("a copy.png", 2), ("b.png", 5)] {
        fs::copy(world.path("4.png"), world.path(copy)).unwrap();
        age(&world, copy, hours);
    }
    add(&world, &["a copy.png", "b.png"]);
    let found = duplicates(&world, 1.0);
    assert_eq!(
        (found.pictures, found.left_out, found.duplicates),
        (8, 0, 2)
    );
    let [group] = found.groups.as_slice() else {
        panic!("one group: {found:?}")
    };
    assert_eq!(names(group), ["b.png", "4.png", "a copy.png"]);
    assert!(
        group
            .duplicates
            .iter()
            .all(|it| it.is_copy && it.similarity == 1.0)
    );
    let size = fs::metadata(world.path("4.png")).unwrap().len();
    assert_eq!((group.bytes, found.bytes), (2 * size, 2 * size));
}

#[test]
fn what_was_resized_and_compressed_is_found_and_the_largest_is_kept() {
    let world = World::new();
    let picture = larger(&stripes(1));
    fs::write(world.path("small.png"), stripes(1).to_png()).unwrap();
    fs::write(world.path("large.png"), picture.to_png()).unwrap();
    fs::write(world.path("large.jpg"), picture.to_jpeg(80)).unwrap();
    fs::write(world.path("other.png"), stripes(4).to_png()).unwrap();
    add(
        &world,
        &["small.png", "large.png", "large.jpg", "other.png"],
    );
    let cosine = |one: &Picture, other: &Picture| -> f32 {
        let (one, other) = (world.vector(&one.to_png()), world.vector(&other.to_png()));
        one.iter().zip(&other).map(|(a, b)| a * b).sum()
    };
    let keep = fs::metadata(world.path("large.png")).unwrap().len();
    let jpeg = fs::metadata(world.path("large.jpg")).unwrap().len();
    let kept = if keep > jpeg {
        "large.png"
    } else {
        "large.jpg"
    };
    let alike = cosine(&stripes(1), &picture).min(cosine(&picture, &decoded(&picture.to_jpeg(80))));
    let different = cosine(&stripes(4), &picture);
    assert!(
        different < alike - 0.02,
        "{different} and {alike} say nothing"
    );
    let found = duplicates(&world, (different + alike) / 2.0);
    assert_eq!(found.groups.len(), 1, "{found:?}");
    let group = &found.groups[0];
    assert_eq!(name(&group.keep.location), kept);
    assert_eq!((group.keep.width, group.keep.height), (120, 90));
    assert_eq!(group.duplicates.len(), 2);
    let small = |it: &&search::Duplicate| name(&it.file.location) == "small.png";
    let small = group.duplicates.iter().find(small).unwrap();
    assert_eq!((small.file.width, small.file.height), (40, 30));
    assert!(!small.is_copy);
    let sum: u64 = group.duplicates.iter().map(|it| it.file.bytes).sum();
    assert_eq!((group.bytes, found.bytes), (sum, sum));
}

fn decoded(bytes: &[u8]) -> Picture {
    Picture::decode(bytes, &picture::Limits::default()).unwrap()
}

#[test]
fn groups_are_those_of_the_similarities_that_a_search_shows() {
    let world = World::filled();
    for name in ["4", "5"] {
        let picture = decoded(&fs::read(world.path(&format!("{name}.png"))).unwrap());
        let version = format!("larger {name}.png");
        fs::write(world.path(&version), larger(&picture).to_png()).unwrap();
        add(&world, &[&version]);
    }
    let found = duplicates(&world, 0.01);
    let mut seen = Vec::new();
    for group in &found.groups {
        let query = search::Query::Like(&group.keep.id);
        let hits = world.search(&query, &crate::world::top(8));
        for other in &group.duplicates {
            let hit = hits
                .hits
                .iter()
                .find(|hit| hit.id == other.file.id)
                .unwrap();
            assert!((hit.similarity.unwrap() - other.similarity).abs() < 1e-5);
            seen.push(other.file.id.clone());
        }
        seen.push(group.keep.id.clone());
    }
    seen.sort();
    let all = seen.len();
    seen.dedup();
    assert_eq!(seen.len(), all, "no picture is in two groups");
    assert!(all > 1);
}

#[test]
fn different_pictures_are_no_duplicates() {
    let found = duplicates(&World::filled(), 0.9999);
    assert_eq!(
        found,
        Duplicates {
            pictures: 6,
            ..Duplicates::default()
        }
    );
    let found = duplicates(&World::new(), 0.9);
    assert_eq!(found, Duplicates::default());
}

#[test]
fn a_filter_leaves_out_of_account_what_it_leaves_out() {
    let world = World::filled();
    fs::copy(world.path("2.png"), world.path("copy.png")).unwrap();
    let mut record = new(&world.path("copy.png"), &[]);
    record.metadata.insert("seed".into(), 7.into());
    world.add(vec![record]);
    let within = |filter: serde_json::Value| {
        let options = DuplicateOptions {
            filter: Some(Filter::parse(&filter).unwrap()),
            ..options(1.0)
        };
        let found = world.collection().duplicates(&options, |_, _| {}).unwrap();
        (found.pictures, found.duplicates)
    };
    assert_eq!(within(json!({"seed": {"$in": [2, 7]}})), (2, 1));
    assert_eq!(within(json!({"seed": {"$lt": 7}})), (6, 0));
}

#[test]
fn files_that_are_gone_or_have_changed_are_left_out() -> TestResult {
    let world = World::filled();
    for copy in ["a.png", "b.png", "c.png"] {
        fs::copy(world.path("0.png"), world.path(copy))?;
        age(&world, copy, 9);
    }
    add(&world, &["a.png", "b.png", "c.png"]);
    assert_eq!(duplicates(&world, 1.0).duplicates, 3);
    // Two candidates to keep: one file is gone, the other was replaced by something else.
    fs::remove_file(world.path("a.png"))?;
    fs::write(world.path("b.png"), stripes(9).to_png())?;
    let found = duplicates(&world, 1.0);
    assert_eq!((found.left_out, found.duplicates), (2, 1));
    assert_eq!(names(&found.groups[0]), ["c.png", "0.png"]);
    // Marked as missing, it isn't counted.
    let options = AddOptions {
        folders: vec![world.directory.path().to_str().unwrap().to_owned()],
        ..AddOptions::default()
    };
    let records = ["0.png", "b.png", "c.png"].map(|it| new(&world.path(it), &[]));
    world
        .collection()
        .add(&world.model, stream(records.to_vec()), &options, |_| {})?;
    let found = duplicates(&world, 1.0);
    assert_eq!(
        (found.pictures, found.left_out, found.duplicates),
        (8, 0, 1)
    );
    Ok(())
}

#[cfg(unix)]
#[test]
fn places_that_lead_to_the_same_file_are_no_duplicates() -> TestResult {
    let world = World::filled();
    std::os::unix::fs::symlink(world.path("3.png"), world.path("A link.png"))?;
    fs::hard_link(world.path("3.png"), world.path("hard.png"))?;
    fs::copy(world.path("3.png"), world.path("copy.png"))?;
    add(&world, &["A link.png", "hard.png"]);
    assert!(duplicates(&world, 1.0).groups.is_empty());
    add(&world, &["copy.png"]);
    let found = duplicates(&world, 1.0);
    assert_eq!((found.pictures, found.duplicates), (7, 1));
    assert_eq!(names(&found.groups[0]), ["3.png", "copy.png"]);
    Ok(())
}

#[test]
fn a_threshold_out_of_range_is_refused() {
    let world = World::filled();
    for threshold in [0.0, -0.5, 1.01, 95.0, f32::NAN] {
        let refused = world
            .collection()
            .duplicates(&options(threshold), |_, _| {});
        assert!(
            matches!(refused, Err(Error::DuplicateThreshold { .. })),
            "{threshold}"
        );
    }
}

/// Only the first frame was compared; deleting the file would lose the others.
#[test]
fn what_holds_more_than_a_picture_is_a_duplicate_of_copies_alone() -> TestResult {
    let world = World::new();
    let fixtures = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../picture/tests/fixtures/formats"
    );
    for (from, to) in [("animated.gif", "a.gif"), ("plain.gif", "b.gif")] {
        let bytes = fs::read(format!("{fixtures}/{from}"))?;
        fs::write(world.path(to), &bytes)?;
        fs::write(world.path(&format!("copy-{to}")), &bytes)?;
        let still = Picture::decode(&bytes, &picture::Limits::default())?;
        fs::write(world.path(&format!("{to}.png")), larger(&still).to_png())?;
    }
    let pictures = [
        "a.gif",
        "copy-a.gif",
        "a.gif.png",
        "b.gif",
        "copy-b.gif",
        "b.gif.png",
    ];
    add(&world, &pictures);
    let found = duplicates(&world, 0.01);
    let mut duplicates: Vec<&str> = found
        .groups
        .iter()
        .flat_map(|group| &group.duplicates)
        .map(|other| name(&other.file.location))
        .collect();
    duplicates.sort_unstable();
    assert!(!duplicates.contains(&"a.gif"), "{duplicates:?}");
    assert!(duplicates.contains(&"copy-a.gif"), "{duplicates:?}");
    assert!(duplicates.contains(&"b.gif"), "{duplicates:?}");
    Ok(())
}

/// The names of the hits, each with the names folded into it.
fn folded(found: &Hits) -> Vec<Vec<&str>> {
    let hits = found.hits.iter();
    hits.map(|hit| {
        let others = hit.folded.iter();
        let all = std::iter::once(hit).chain(others);
        all.map(|hit| name(&hit.location)).collect()
    })
    .collect()
}

#[test]
fn near_duplicates_are_one_hit() {
    let world = World::filled();
    fs::copy(world.path("4.png"), world.path("copy.png")).unwrap();
    let whole = Picture::decode(&fs::read(world.path("2.png")).unwrap(), &Default::default());
    fs::write(world.path("large.png"), larger(&whole.unwrap()).to_png()).unwrap();
    add(&world, &["copy.png", "large.png"]);
    let options = SearchOptions {
        fold: Some(Default::default()),
        ..top(10)
    };
    let words = Query::Text("a bird");
    let plain = world.search(&words, &top(10));
    let whole = world.search(&words, &options);
    let shown = folded(&whole);
    assert_eq!((plain.hits.len(), shown.len(), whole.total), (8, 6, 8));
    let with = |name| shown.iter().find(|it| it.contains(&name)).unwrap().len();
    assert_eq!(
        [
            with("4.png"),
            with("copy.png"),
            with("2.png"),
            with("large.png")
        ],
        [2; 4]
    );
    // The best of each group stands for the others, and pages together equal the whole.
    let first: Vec<&str> = shown.iter().map(|it| it[0]).collect();
    let ranks = first
        .iter()
        .map(|it| plain.hits.iter().position(|hit| name(&hit.location) == *it));
    assert!(ranks.is_sorted());
    let (mut together, mut offset) = (Vec::new(), Some(0));
    while let Some(from) = offset {
        let part = SearchOptions {
            offset: from,
            top_k: 1,
            ..options.clone()
        };
        let part = world.search(&words, &part);
        assert_eq!(part.hits.len(), 1);
        offset = part.next;
        together.extend(part.hits);
    }
    assert_eq!(together, whole.hits);
    // Of several copies, one with an existing file is shown.
    fs::remove_file(world.path("4.png")).unwrap();
    let found = world.search(&words, &options);
    assert!(folded(&found).contains(&vec!["copy.png"]));
    assert_eq!(found.gone, 1);
}
