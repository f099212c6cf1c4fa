//! A collection over time: files are added, changed, moved, copied and deleted, and runs interrupted.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use search::{
    AddEvent, AddOptions, CheckOptions, CheckReport, Error, FaultKind, IngestReport, NewRecord,
    Query, SearchOptions,
};

use rusqlite::{Connection, params};

use crate::world::{World, new, stream, stripes, top};

/// A folder of pictures and the collection of it.
struct Library {
    world: World,
}

impl Library {
    /// A folder of `count` pictures, written an hour ago.
    fn of(count: u8) -> Library {
        let library = Library {
            world: World::new(),
        };
        fs::create_dir(library.world.path("photos")).unwrap();
        (0..count).for_each(|seed| library.write(&format!("{seed}.png"), seed));
        library
    }

    fn write(&self, name: &str, seed: u8) {
        let path = self.world.path("photos").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, stripes(seed).to_png()).unwrap();
        age(&path, 3600);
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.world.path("photos").join(name)
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    fn records(&self) -> Vec<NewRecord> {
        let mut locations = Vec::new();
        let mut folders = vec![self.world.path("photos")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    locations.push(path);
                }
            }
        }
        locations.sort();
        locations
            .iter()
            .map(|location| new(location, &[]))
            .collect()
    }

    fn options(&self) -> AddOptions<'static> {
        AddOptions {
            folders: vec![self.path("").to_str().unwrap().to_owned()],
            ..AddOptions::default()
        }
    }

    fn add(&self) -> IngestReport {
        self.add_with(&self.options())
    }

    fn add_with(&self, options: &AddOptions<'_>) -> IngestReport {
        self.world
            .collection()
            .add(&self.world.model, stream(self.records()), options, |_| {})
            .unwrap()
    }

    /// The sorted names of all pictures that searches find.
    fn found(&self) -> Vec<String> {
        let hits = self.world.search(&Query::Text("x"), &top(100)).hits;
        let start = format!("{}/", self.path("").to_str().unwrap().trim_end_matches('/'));
        let mut names: Vec<String> = hits
            .iter()
            .map(|hit| hit.location.strip_prefix(&start).unwrap().to_owned())
            .collect();
        names.sort();
        names
    }

    fn id(&self, name: &str) -> String {
        let location = self.path(name).to_str().unwrap().to_owned();
        let hits = self.world.search(&Query::Text("x"), &top(100)).hits;
        let hit = hits.into_iter().find(|hit| hit.location == location);
        hit.unwrap().id
    }
}

fn age(path: &Path, seconds: u64) {
    let file = File::options().write(true).open(path).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(seconds))
        .unwrap();
}

/// Added, updated, moved, unchanged, missing, removed, failed.
#[track_caller]
fn check(report: &IngestReport, expected: [usize; 7]) {
    let got = [
        report.added,
        report.updated,
        report.moved,
        report.unchanged,
        report.missing,
        report.removed,
        report.failed,
    ];
    assert_eq!(got, expected, "{report:?}");
}

#[test]
fn what_is_unchanged_is_not_even_read() {
    let library = Library::of(4);
    check(&library.add(), [4, 0, 0, 0, 0, 0, 0]);
    // Other bytes with the same size and times: reading the file would notice.
    let path = library.path("2.png");
    let (time, length) = (
        path.metadata().unwrap().modified().unwrap(),
        path.metadata().unwrap().len(),
    );
    fs::write(&path, vec![7; length as usize]).unwrap();
    let file = File::options().write(true).open(&path).unwrap();
    file.set_modified(time).unwrap();
    let metadata = path.metadata().unwrap();
    let changed = metadata.ctime() * 1_000_000_000 + metadata.ctime_nsec();
    let location = path.to_str().unwrap();
    Connection::open(library.world.path("store/catalogue.sqlite"))
        .unwrap()
        .execute(
            "UPDATE records SET changed = ?1 WHERE place = ?2",
            params![changed, location],
        )
        .unwrap();
    check(&library.add(), [0, 0, 0, 4, 0, 0, 0]);
    age(&path, 1800);
    check(&library.add(), [0, 0, 0, 3, 0, 0, 1]);
}

#[test]
fn a_change_of_bytes_alone_is_noticed() {
    let library = Library::of(2);
    library.add();
    let path = library.path("1.png");
    let metadata = path.metadata().unwrap();
    fs::write(&path, vec![7; metadata.len() as usize]).unwrap();
    let file = File::options().write(true).open(&path).unwrap();
    file.set_modified(metadata.modified().unwrap()).unwrap();
    check(&library.add(), [0, 0, 0, 1, 0, 0, 1]);
}

#[test]
fn a_file_that_was_only_touched_is_read_once() {
    let library = Library::of(3);
    library.add();
    age(&library.path("1.png"), 60);
    check(&library.add(), [0, 0, 0, 3, 0, 0, 0]);
    let record = library
        .world
        .collection()
        .record(&library.id("1.png"))
        .unwrap();
    let modified = library
        .path("1.png")
        .metadata()
        .unwrap()
        .modified()
        .unwrap();
    let since = modified.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    assert_eq!(record.stamp.modified, Some(since.as_nanos() as i64));
}

#[test]
fn what_changed_is_embedded_again() {
    let library = Library::of(3);
    library.add();
    library.write("1.png", 40);
    check(&library.add(), [0, 1, 0, 2, 0, 0, 0]);
    assert_eq!(library.found(), ["0.png", "1.png", "2.png"]);
}

#[test]
fn what_was_moved_keeps_its_id_and_its_vector() {
    let library = Library::of(4);
    library.add();
    let id = library.id("2.png");
    fs::create_dir(library.path("2020")).unwrap();
    library.rename("2.png", "2020/two.png");
    let report = library.add();
    check(&report, [0, 0, 1, 3, 0, 0, 0]);
    assert_eq!(report.seconds.decoding, 0.0, "nothing was decoded");
    assert_eq!(library.id("2020/two.png"), id);
    assert_eq!(library.found(), ["0.png", "1.png", "2020/two.png", "3.png"]);
}

#[test]
fn a_renamed_folder_embeds_nothing() {
    let library = Library::of(0);
    (0..40).for_each(|seed| library.write(&format!("a/{seed}.png"), seed));
    library.add();
    library.rename("a", "b");
    let report = library.add();
    check(&report, [0, 0, 40, 0, 0, 0, 0]);
    assert_eq!(report.seconds.decoding, 0.0, "nothing was decoded");
    assert!(library.found().iter().all(|name| name.starts_with("b/")));
}

#[test]
fn pictures_that_swap_their_names_swap_their_vectors() {
    let library = Library::of(2);
    library.add();
    let like = |library: &Library, name: &str| {
        let id = library.id(name);
        library.world.collection().record(&id).unwrap().hash
    };
    let (first, second) = (like(&library, "0.png"), like(&library, "1.png"));
    library.rename("0.png", "t");
    library.rename("1.png", "0.png");
    library.rename("t", "1.png");
    age(&library.path("0.png"), 50);
    age(&library.path("1.png"), 40);
    check(&library.add(), [0, 2, 0, 0, 0, 0, 0]);
    assert_eq!(like(&library, "0.png"), second);
    assert_eq!(like(&library, "1.png"), first);
    let exact = library.world.vector(&stripes(1).to_png());
    let hits = library.world.search(&Query::Text("x"), &top(9)).hits;
    let text = library.world.model.embed_text("x").unwrap();
    let dot: f32 = exact.iter().zip(&text).map(|(a, b)| a * b).sum();
    let hit = hits
        .iter()
        .find(|hit| hit.location.ends_with("/0.png"))
        .unwrap();
    assert!((hit.similarity.unwrap() - dot).abs() < 1e-5);
}

#[test]
fn copies_are_embedded_once_and_all_found() {
    let library = Library::of(1);
    for name in ["b.png", "c.png", "d/e.png"] {
        library.write(name, 0);
    }
    check(&library.add(), [4, 0, 0, 0, 0, 0, 0]);
    library.write("f.png", 0);
    let report = library.add();
    check(&report, [1, 0, 0, 4, 0, 0, 0]);
    assert_eq!(report.seconds.decoding, 0.0, "its vector was there");
    assert_eq!(library.found().len(), 5);
    let hits = library.world.search(&Query::Text("x"), &top(9)).hits;
    assert!(hits.iter().all(|hit| hit.similarity == hits[0].similarity));
}

#[test]
fn what_was_deleted_is_not_found_and_comes_back() {
    let library = Library::of(5);
    library.add();
    fs::create_dir(library.world.path("elsewhere")).unwrap();
    for name in ["1.png", "3.png"] {
        fs::rename(
            library.path(name),
            library.world.path("elsewhere").join(name),
        )
        .unwrap();
    }
    check(&library.add(), [0, 0, 0, 3, 2, 0, 0]);
    assert_eq!(library.found(), ["0.png", "2.png", "4.png"]);
    let info = library.world.store.info("c").unwrap();
    assert_eq!((info.pictures, info.missing), (3, 2));
    // Already known to be missing.
    check(&library.add(), [0, 0, 0, 3, 0, 0, 0]);
    fs::rename(library.world.path("elsewhere/1.png"), library.path("1.png")).unwrap();
    let report = library.add();
    check(&report, [0, 1, 0, 3, 0, 0, 0]);
    assert_eq!(report.seconds.decoding, 0.0, "its vector was kept");
    assert_eq!(library.found(), ["0.png", "1.png", "2.png", "4.png"]);
    // Under another name it counts as moved, even if it was missing.
    fs::rename(
        library.world.path("elsewhere/3.png"),
        library.path("three.png"),
    )
    .unwrap();
    check(&library.add(), [0, 0, 1, 4, 0, 0, 0]);
    let info = library.world.store.info("c").unwrap();
    assert_eq!((info.pictures, info.missing), (5, 0));
}

#[test]
fn pruning_removes_what_is_gone_and_nothing_else() {
    let library = Library::of(4);
    let outside = library.world.picture("outside.png", 50);
    library.world.add(vec![new(&outside, &["gone as well"])]);
    library.add();
    fs::remove_file(library.path("0.png")).unwrap();
    fs::remove_file(outside).unwrap();
    library.add();
    let options = AddOptions {
        prune: true,
        ..library.options()
    };
    check(&library.add_with(&options), [0, 0, 0, 3, 0, 1, 0]);
    let info = library.world.store.info("c").unwrap();
    // Pictures outside of the folder aren't affected.
    assert_eq!((info.pictures, info.missing), (4, 0));
}

#[test]
fn what_is_left_out_of_a_run_but_there_is_left_alone() {
    let library = Library::of(3);
    library.add();
    let mut records = library.records();
    records.remove(1);
    let collection = library.world.collection();
    let options = AddOptions {
        prune: true,
        ..library.options()
    };
    let report = collection
        .add(&library.world.model, stream(records), &options, |_| {})
        .unwrap();
    check(&report, [0, 0, 0, 2, 0, 0, 0]);
    assert_eq!(library.found().len(), 3);
}

#[test]
fn what_cannot_be_read_any_more_is_not_found_until_it_can() {
    let library = Library::of(3);
    check(&library.add(), [3, 0, 0, 0, 0, 0, 0]);
    let good = fs::read(library.path("1.png")).unwrap();
    // The same number of bytes, but half a picture.
    fs::write(library.path("1.png"), vec![7; good.len()]).unwrap();
    let half = fs::read(library.path("2.png")).unwrap();
    fs::write(library.path("2.png"), &half[..half.len() / 2]).unwrap();
    age(&library.path("1.png"), 60);
    age(&library.path("2.png"), 60);
    let unknown = [FaultKind::Unreadable; 2];
    assert_eq!(faults(&library, false), unknown);
    let report = library.add();
    check(&report, [0, 0, 0, 1, 0, 0, 2]);
    assert_eq!(report.unreadable, 2);
    assert_eq!(library.found(), ["0.png"]);
    let info = library.world.collection().info();
    assert_eq!((info.pictures, info.missing), (1, 2));
    let found = checked(&library, false);
    assert_eq!((found.missing, found.unreadable), (2, 2));
    assert!(found.faults.is_empty() && found.changed.is_empty());
    // Already known. `--prune` keeps it, as its file exists.
    let pruned = library.add_with(&AddOptions {
        prune: true,
        ..library.options()
    });
    check(&pruned, [0, 0, 0, 1, 0, 0, 2]);
    assert_eq!(pruned.unreadable, 0);
    fs::write(library.path("1.png"), good).unwrap();
    check(&library.add(), [0, 1, 0, 1, 0, 0, 1]);
    assert_eq!(library.found(), ["0.png", "1.png"]);
    let found = checked(&library, false);
    assert_eq!((found.missing, found.unreadable), (1, 1));
}

#[test]
fn a_check_marks_what_cannot_be_read_any_more() {
    let library = Library::of(2);
    library.add();
    fs::write(library.path("1.png"), "no picture").unwrap();
    age(&library.path("1.png"), 60);
    assert_eq!(faults(&library, true), [FaultKind::Unreadable]);
    assert_eq!(library.found(), ["0.png"]);
    assert_eq!(faults(&library, false), []);
}

#[test]
fn what_is_excluded_is_no_longer_named_and_can_be_pruned() {
    let library = Library::of(3);
    let excluding = |prune, name: &'static str| {
        let is_excluded = move |location: &str| location.ends_with(name);
        let records = library.records().into_iter().map(|record| NewRecord {
            source: Some(library.path("").to_str().unwrap().to_owned()),
            ..record
        });
        let records: Vec<NewRecord> = records.filter(|it| !is_excluded(&it.location)).collect();
        let options = AddOptions {
            prune,
            keep_missing: true,
            is_excluded: &is_excluded,
            ..library.options()
        };
        let collection = library.world.collection();
        collection
            .add(&library.world.model, stream(records), &options, |_| {})
            .unwrap()
    };
    check(&excluding(false, "none"), [3, 0, 0, 0, 0, 0, 0]);
    let report = excluding(false, "2.png");
    check(&report, [0, 0, 0, 2, 0, 0, 0]);
    assert_eq!(report.left, 1);
    assert_eq!(library.found(), ["0.png", "1.png", "2.png"]);
    // A table names this one.
    let other = library.world.picture("photos/2b.png", 9);
    library.world.add(vec![NewRecord {
        source: Some("/table.csv".to_owned()),
        ..new(&other, &[])
    }]);
    let report = excluding(true, "2.png");
    check(&report, [0, 0, 0, 3, 0, 1, 0]);
    assert_eq!(library.found(), ["0.png", "1.png", "2b.png"]);
    let report = excluding(true, "2b.png");
    check(&report, [1, 0, 0, 2, 0, 0, 0]);
    assert_eq!(report.left, 0);
}

#[test]
fn a_run_that_is_stopped_goes_on_where_it_stopped() {
    let library = Library::of(200);
    let stop = AtomicBool::new(false);
    let options = AddOptions {
        stop: &stop,
        ..library.options()
    };
    let mut told = 0;
    let collection = library.world.collection();
    // The run is stopped before the source ends.
    let records = library
        .records()
        .into_iter()
        .enumerate()
        .map(|(n, record)| {
            while n == 100 && !stop.load(Ordering::Relaxed) {
                thread::yield_now();
            }
            Ok::<_, Error>(record)
        });
    let report = collection
        .add(&library.world.model, records, &options, |event| {
            if let AddEvent::Progress(report) = event {
                told = report.added;
                stop.store(true, Ordering::Relaxed);
            }
        })
        .unwrap();
    assert!(report.stopped);
    assert_eq!(report.added, told);
    assert!((32..200).contains(&told), "{told}");
    assert_eq!(library.found().len(), told.min(100));
    let rest = library.add();
    check(&rest, [200 - told, 0, 0, told, 0, 0, 0]);
}

#[test]
fn captions_stay_with_what_was_moved() {
    let library = Library::of(2);
    let mut records = library.records();
    records[0].captions = vec!["a zebra".to_owned(), "stripes".to_owned()];
    records[0].metadata.insert("price".into(), 3.into());
    let collection = library.world.collection();
    collection
        .add(
            &library.world.model,
            stream(records),
            &library.options(),
            |_| {},
        )
        .unwrap();
    library.rename("0.png", "zebra.png");
    check(&library.add(), [0, 0, 1, 1, 0, 0, 0]);
    let record = collection.record(&library.id("zebra.png")).unwrap();
    assert_eq!(record.captions, ["a zebra", "stripes"]);
    assert_eq!(record.metadata["price"], 3);
    assert_eq!(collection.captions().unwrap(), 2);
    let filter = index::Filter::parse(&serde_json::json!({"price": 3})).unwrap();
    let options = SearchOptions {
        filter: Some(filter),
        ..top(9)
    };
    let hits = library.world.search(&Query::Text("x"), &options).hits;
    assert!(hits[0].location.ends_with("/zebra.png"));
}

#[test]
fn a_damaged_vector_and_stale_files_are_found_and_mended() {
    let library = Library::of(4);
    library.add();
    assert_eq!(faults(&library, false), []);
    let database = library.world.path("store/embedded/vectors.sqlite3");
    let damage = "UPDATE vectors SET vector = x'00' WHERE slot = (SELECT min(slot) FROM vectors)";
    rusqlite::Connection::open(database)
        .and_then(|database| database.execute(damage, []))
        .unwrap();
    assert_eq!(faults(&library, false), [FaultKind::DamagedVector]);
    assert_eq!(faults(&library, true), [FaultKind::DamagedVector]);
    assert_eq!(library.found().len(), 3);
    check(&library.add(), [0, 1, 0, 3, 0, 0, 0]);
    assert_eq!(library.found().len(), 4);

    let index = library.world.store.engine().index("c").unwrap();
    index.refresh("images").unwrap();
    let segments = fs::read_dir(library.world.path("store/embedded/segments")).unwrap();
    for segment in segments {
        fs::remove_file(segment.unwrap().path()).unwrap();
    }
    assert_eq!(faults(&library, true), [FaultKind::StaleFiles]);
    assert_eq!(faults(&library, false), []);
}

/// The faults that a check finds. With `repair`, all are repaired.
fn checked(library: &Library, repair: bool) -> CheckReport {
    let options = CheckOptions {
        read: false,
        repair,
        stop: &AtomicBool::new(false),
        waiting: &|| (),
    };
    library.world.collection().check(&options, |_| ()).unwrap()
}

fn faults(library: &Library, repair: bool) -> Vec<FaultKind> {
    let report = checked(library, repair);
    assert_eq!(report.is_clean(), repair || report.faults.is_empty());
    report.faults.iter().map(|fault| fault.kind).collect()
}
