//! The numbers of pictures and captions after arbitrary changes.

use std::fs;

use rusqlite::Connection;
use search::{AddOptions, ModelIdentity, NewRecord};

use crate::world::{World, new, stream};

/// Pseudorandom numbers, always the same.
struct Random(u32);

impl Random {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 16) % limit
    }
}

/// Pictures, missing pictures and captions of the collection: as it reports them, and by counting its
/// records.
fn counts(world: &World) -> [(u64, u64, u64); 2] {
    let info = world.store.info("c").unwrap();
    let captions = world.collection().captions().unwrap();
    let counted = "
        SELECT sum(NOT missing), sum(missing), sum(CASE WHEN missing THEN 0 ELSE json_array_length(captions) END)
        FROM records WHERE collection = (SELECT id FROM collections WHERE name = 'c')";
    let counted = Connection::open(world.path("store/catalogue.sqlite"))
        .unwrap()
        .query_row(counted, [], |row| {
            let number = |n| row.get::<_, Option<i64>>(n);
            Ok((number(0)?, number(1)?, number(2)?))
        })
        .unwrap();
    let number = |n: Option<i64>| n.unwrap_or(0) as u64;
    let counted = (number(counted.0), number(counted.1), number(counted.2));
    [(info.pictures, info.missing, captions), counted]
}

/// The records of the folder's files, some with captions and ids.
fn records(world: &World, random: &mut Random) -> Vec<NewRecord> {
    let mut paths: Vec<_> = fs::read_dir(world.path("photos"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let record = |path: &std::path::PathBuf| NewRecord {
        id: (random.below(3) == 0).then(|| random.below(9).to_string()),
        ..new(path, &["one", "two", "three"][..random.below(4) as usize])
    };
    paths.iter().map(record).collect()
}

#[test]
fn the_numbers_are_those_of_the_records_whatever_has_happened() {
    let world = World::new();
    fs::create_dir(world.path("photos")).unwrap();
    let other = world
        .store
        .collection_or_new("other", &ModelIdentity::of(&world.model, "random"))
        .unwrap();
    let elsewhere = (0..5)
        .map(|n| new(&world.picture(&format!("{n}.png"), 60 + n), &["elsewhere"]))
        .collect();
    let options = AddOptions::default();
    other
        .add(&world.model, stream(elsewhere), &options, |_| {})
        .unwrap();
    let mut random = Random(3);
    for _ in 0..60 {
        for _ in 0..2 {
            let name = format!("photos/{}.png", random.below(12));
            match random.below(3) {
                0 => drop(fs::remove_file(world.path(&name))),
                _ => drop(world.picture(&name, random.below(40) as u8)),
            }
        }
        let collection = world.collection();
        match random.below(8) {
            0 => {
                let name = format!("photos/{}.png", random.below(12));
                let location = world.path(&name).to_str().unwrap().to_owned();
                collection.forget(&location, &options).unwrap();
            }
            1 => {
                collection
                    .merge::<search::Error>(&other, &options, |file| Ok(file.to_owned()), |_| {})
                    .unwrap();
            }
            step => {
                let options = AddOptions {
                    folders: vec![world.path("photos").to_str().unwrap().to_owned()],
                    prune: step == 2,
                    ..AddOptions::default()
                };
                let records = stream(records(&world, &mut random));
                collection
                    .add(&world.model, records, &options, |_| {})
                    .unwrap();
            }
        }
        let [said, counted] = counts(&world);
        assert_eq!(said, counted);
        let index = world.store.engine().index("c").unwrap();
        let vectors = ["images", "missing-images", "captions"]
            .map(|namespace| index.count(namespace).unwrap());
        assert_eq!(vectors, [said.0, said.1, said.2]);
    }
    let [said, _] = counts(&world);
    assert!(said.0 > 0, "{said:?}");
}
