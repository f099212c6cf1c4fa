//! Listings of several sources, and of very many rows.

use std::collections::HashSet;
use std::fmt::Write;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use dataset::{Address, CellCounts, Error, Found, Listing, Record, Records, Source, SourceOptions};
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::tree::{Tree, problems, records};

fn read_into(listing: &mut Listing, tree: &Tree, file: &str) -> Found {
    try_to_read_into(listing, tree, file).unwrap()
}

fn try_to_read_into(listing: &mut Listing, tree: &Tree, file: &str) -> Result<Found, Error> {
    Source::open(&tree.path(file), SourceOptions::default())?.read_into(listing)
}

#[test]
fn what_several_sources_say_of_a_picture_is_joined() {
    let tree = Tree::new(&["dog.jpg", "cat.jpg", "bird.jpg", "fish.jpg"]);
    tree.write("a.csv", "path,caption,year\ndog.jpg,one,2019\n");
    tree.write(
        "b.csv",
        "path,caption,id,year,place\n\
         cat.jpg,a cat,,n/a,Rome\n\
         dog.jpg,two,7,2020,Oslo\n\
         dog.jpg,one,8,2021,\n\
         bird.jpg,a bird,7,2022,\n\
         missing.jpg,,,,\n",
    );
    let mut listing = Listing::new().unwrap();
    let found = |pictures, mentions, problems| Found {
        pictures,
        mentions,
        problems,
        ..Found::default()
    };
    let table = |name: &str, found: Found| Found {
        table: Some(tree.path(name)),
        base: Some(tree.root().to_owned()),
        ..found
    };
    assert_eq!(
        read_into(&mut listing, &tree, "a.csv"),
        Found {
            captions: 1,
            ..table("a.csv", found(1, 1, 0))
        }
    );
    assert_eq!(
        read_into(&mut listing, &tree, "b.csv"),
        Found {
            captions: 2,
            missing: 1,
            ..table("b.csv", found(1, 3, 3))
        }
    );
    let again = read_into(&mut listing, &tree, "dog.jpg");
    assert_eq!(again, found(0, 1, 0));
    assert!(!again.is_empty());
    let folder = Found {
        folder: Some(tree.root().to_owned()),
        ..found(2, 4, 0)
    };
    assert_eq!(read_into(&mut listing, &tree, ""), folder);

    assert_eq!(
        tree.locations(&listing),
        ["dog.jpg", "cat.jpg", "bird.jpg", "fish.jpg"]
    );
    assert_eq!(
        tree.problems(&listing),
        [
            "b.csv:4: id `8` is ignored: the picture already has id `7`",
            "b.csv:5: id `7` already names another picture",
            "b.csv:6: no such file `missing.jpg`"
        ]
    );
    let records = records(&listing);
    let dog = &records[0];
    assert_eq!(dog.id.as_deref(), Some("7"));
    assert_eq!(dog.captions, ["one", "two"]);
    // The first row's cell is from the first table, whose years are all numbers.
    assert_eq!(
        Value::Object(dog.metadata.clone()),
        json!({"year": 2019, "place": "Oslo"})
    );
    assert_eq!(records[1].metadata["year"], "n/a");
}

#[test]
fn columns_have_the_type_of_their_own_source() {
    let tree = Tree::new(&["a.jpg", "b.jpg", "c.jpg"]);
    tree.write("a.csv", "path,zip\na.jpg,10115\n");
    tree.write("b.csv", "path,zip\nb.jpg,10117\nmissing.jpg,01234\n");
    tree.write("c.jsonl", r#"{"path": "c.jpg", "zip": "10119"}"#);
    let mut listing = Listing::new().unwrap();
    for file in ["a.csv", "b.csv", "c.jsonl"] {
        read_into(&mut listing, &tree, file);
    }
    let zips: Vec<Value> = records(&listing)
        .into_iter()
        .map(|mut record| record.metadata["zip"].take())
        .collect();
    assert_eq!(zips, [json!(10115), json!("10117"), json!("10119")]);
}

#[test]
fn tables_of_one_data_set_have_columns_of_one_type() {
    let tree = Tree::new(&["a.jpg", "b.jpg"]);
    tree.write("1.csv", "path,zip,n\na.jpg,10115,1\n");
    tree.write("2.csv", "path,zip,n\nb.jpg,01234,2\n");
    let source = Source::table(tree.root(), SourceOptions::default()).unwrap();
    let metadata: Vec<Value> = records(&source.read().unwrap())
        .into_iter()
        .map(|record| Value::Object(record.metadata))
        .collect();
    assert_eq!(
        metadata,
        [
            json!({"zip": "10115", "n": 1}),
            json!({"zip": "01234", "n": 2})
        ]
    );
}

#[test]
fn a_source_that_fails_leaves_the_others() {
    let tree = Tree::new(&["dog.jpg", "cat.jpg"]);
    tree.write("a.csv", "path,n\ndog.jpg,1\n");
    tree.write("b.csv", "what,n\ncat.jpg,x\n");
    tree.write("c.csv", "path,n\ncat.jpg,2\n");
    let mut listing = Listing::new().unwrap();
    read_into(&mut listing, &tree, "a.csv");
    let error = try_to_read_into(&mut listing, &tree, "b.csv").unwrap_err();
    assert!(matches!(error, Error::NoPathColumn { .. }));
    read_into(&mut listing, &tree, "c.csv");
    let records = records(&listing);
    assert_eq!(tree.locations(&listing), ["dog.jpg", "cat.jpg"]);
    assert_eq!(
        (&records[0].metadata["n"], &records[1].metadata["n"]),
        (&json!(1), &json!(2))
    );
}

const MANY: usize = 2000;

/// A table whose second half names the pictures of the first again, in another order.
fn twice(tree: &Tree) -> Listing {
    let mut table = "url,caption,first,second\n".to_owned();
    for n in 0..MANY {
        writeln!(table, "https://example.com/{n}.jpg,one of {n},{n},").unwrap();
    }
    for n in (0..MANY).rev() {
        writeln!(table, "https://example.com/{n}.jpg,two of {n},{n},{n}").unwrap();
        writeln!(table, "https://example.com/{n}.jpg,one of {n},,").unwrap();
        writeln!(table, "{n}/missing.jpg,,,").unwrap();
    }
    tree.write("t.csv", table);
    tree.read("t.csv")
}

#[track_caller]
fn check_twice(records: &[Record]) {
    assert_eq!(records.len(), MANY);
    for (n, record) in records.iter().enumerate() {
        assert_eq!(
            record.address.to_string(),
            format!("https://example.com/{n}.jpg")
        );
        assert_eq!(
            record.captions,
            [format!("one of {n}"), format!("two of {n}")]
        );
        let expected = json!({"first": n, "second": n});
        assert_eq!(Value::Object(record.metadata.clone()), expected);
    }
}

#[test]
fn rows_of_one_picture_may_be_far_apart() {
    let tree = Tree::new(&[]);
    let listing = twice(&tree);
    check_twice(&records(&listing));
    let problems = tree.problems(&listing);
    assert_eq!(problems.len(), MANY);
    for (n, problem) in (0..MANY).rev().zip(problems) {
        let line = MANY + 4 + 3 * (MANY - 1 - n);
        assert_eq!(
            problem,
            format!("t.csv:{line}: no such file `{n}/missing.jpg`")
        );
    }
}

#[test]
fn several_threads_read_a_listing() {
    let tree = Tree::new(&[]);
    let listing = twice(&tree);
    std::thread::scope(|scope| {
        let mut here = listing.records();
        let first = here.next().unwrap().unwrap();
        let there = scope.spawn(|| check_twice(&records(&listing)));
        let mut all = vec![first];
        // An iterator may move to another thread midway.
        let rest = scope.spawn(move || here.map(Result::unwrap).collect::<Vec<_>>());
        assert_eq!(problems(&listing).len(), MANY);
        all.extend(rest.join().unwrap());
        check_twice(&all);
        there.join().unwrap();
    });
}

#[test]
fn records_may_be_large() {
    let caption = |n: usize, row: usize| format!("{n}.{row} ") + &"long ".repeat(150_000);
    let mut table = "url,caption\n".to_owned();
    for row in 0..2 {
        for n in 0..12 {
            let caption = caption(n, row);
            writeln!(table, "https://example.com/{n}.jpg,{caption}").unwrap();
        }
    }
    let tree = Tree::new(&[]);
    tree.write("t.csv", table);
    let records = records(&tree.read("t.csv"));
    assert_eq!(records.len(), 12);
    for (n, record) in records.iter().enumerate() {
        let expected = [0, 1].map(|row| caption(n, row).trim().to_owned());
        assert!(record.captions == expected, "{n}");
    }
}

/// A table with a picture in its row.
fn write_inside(tree: &Tree, file: &str) {
    let schema = "message t { required group image { required binary bytes; } }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let file = File::create(tree.path(file)).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema, Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let values = [ByteArray::from("a picture")];
    column
        .typed::<ByteArrayType>()
        .write_batch(&values, None, None)
        .unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
}

#[test]
fn pictures_are_told_apart_by_where_they_are() {
    let tree = Tree::new(&["dog.jpg"]);
    let content =
        "image\nhttps://me:secret@example.com/a.jpg\ndog.jpg\nhttps://example.com/a.jpg\n";
    tree.write("t.csv", content);
    write_inside(&tree, "t.parquet");
    let mut listing = Listing::new().unwrap();
    read_into(&mut listing, &tree, "t.csv");
    read_into(&mut listing, &tree, "t.parquet");
    #[track_caller]
    fn check(records: Records<'_>, expected: &[&Address]) {
        let found: Vec<Address> = records.map(|record| record.unwrap().address).collect();
        assert_eq!(found.iter().collect::<Vec<_>>(), expected);
    }
    let web = |text| Address::of(text).unwrap().unwrap();
    let all = [
        web("https://me:secret@example.com/a.jpg"),
        Address::File(tree.path("dog.jpg")),
        web("https://example.com/a.jpg"),
        Address::Inside(format!("{}#1", tree.path("t.parquet").display())),
    ];
    let [secret, file, plain, inside] = &all;
    check(listing.records(), &[secret, file, plain, inside]);
    check(listing.web(), &[secret, plain]);
    check(listing.files(), &[file]);
    check(listing.inside(), &[inside]);
    let same_text = Address::File(inside.to_string().into());
    for address in [same_text, web("https://example.com/b.jpg")] {
        assert_eq!(listing.at(&address).unwrap(), None);
    }
    for address in all {
        assert_eq!(listing.at(&address).unwrap().unwrap().address, address);
    }
}

#[test]
fn the_cells_of_columns_are_counted() {
    let tree = Tree::new(&["dog.jpg", "cat.jpg"]);
    tree.write(
        "a.csv",
        "path,price,wild,zip,odd\ndog.jpg,50,true,007,\ncat.jpg,ask,False,8,\ncat.jpg,60,,,\n",
    );
    tree.write(
        "b.jsonl",
        r#"{"path": "dog.jpg", "price": 7.5, "tags": ["a"], "wild": "very", "box": {"x": 1}}
           {"path": "missing.jpg", "price": "not counted"}
           {"path": "cat.jpg", "price": "free", "wild": true, "box": [1, 2], "none": {}}"#,
    );
    let mut listing = Listing::new().unwrap();
    read_into(&mut listing, &tree, "a.csv");
    read_into(&mut listing, &tree, "b.jsonl");
    let counts = |numbers, others, example: Option<&str>| CellCounts {
        numbers,
        others,
        commas: 0,
        left_out: 0,
        example: example.map(str::to_owned),
    };
    let columns: Vec<(&str, CellCounts)> = listing
        .columns()
        .iter()
        .map(|(name, counts)| (name.as_str(), counts.clone()))
        .collect();
    let left_out = CellCounts {
        left_out: 2,
        ..CellCounts::default()
    };
    let expected = [
        ("box", left_out),
        ("price", counts(3, 2, Some("ask"))),
        ("tags", counts(0, 0, None)),
        ("wild", counts(0, 1, Some("very"))),
        ("zip", counts(2, 0, None)),
    ];
    assert_eq!(columns, expected);
}

/// A row, with the numbers of its captions and metadata.
#[derive(Clone, Debug)]
struct Row {
    picture: u8,
    id: Option<u8>,
    captions: Vec<u8>,
    metadata: Vec<(u8, u8)>,
}

impl Row {
    fn json(&self) -> Value {
        let mut object = json!({
            "url": format!("https://example.com/{}", self.picture),
            "id": self.id,
            "caption": self.captions.iter().map(|n| format!("caption {n}")).collect::<Vec<_>>(),
        });
        for (name, value) in &self.metadata {
            object[format!("column {name}")] = json!(value);
        }
        object
    }
}

fn row() -> impl Strategy<Value = Row> {
    let metadata = vec((0_u8..4, any::<u8>()), 0..3);
    (0_u8..6, option::of(0_u8..4), vec(0_u8..4, 0..3), metadata).prop_map(
        |(picture, id, captions, metadata)| Row {
            picture,
            id,
            captions,
            metadata,
        },
    )
}

/// The expected records, and the number of refused rows, by a plain implementation.
fn merged(rows: &[Row], cut: usize) -> (Vec<Record>, u64) {
    let (mut records, mut refused): (Vec<Record>, u64) = (Vec::new(), 0);
    let mut told = HashSet::new();
    for (number, row) in rows.iter().enumerate() {
        let url = format!("https://example.com/{}", row.picture);
        let id = row.id.map(|id| id.to_string());
        let at = records.iter().position(|it| it.address.to_string() == url);
        let holder = records.iter().position(|it| it.id.is_some() && it.id == id);
        if holder.is_some() && holder != at {
            // Once per table, even if many rows say so.
            refused += u64::from(told.insert((number < cut, url, id)));
            continue;
        }
        let at = at.unwrap_or_else(|| {
            records.push(Record {
                id: None,
                address: Address::of(&url).unwrap().unwrap(),
                source: Path::new("").into(),
                captions: Vec::new(),
                metadata: Map::new(),
                contributions: Vec::new(),
            });
            records.len() - 1
        });
        let record = &mut records[at];
        refused += u64::from(record.id.is_some() && id.is_some() && record.id != id);
        record.id = record.id.take().or(id);
        let captions = row.captions.iter().map(|n| format!("caption {n}"));
        record.captions.extend(captions);
        let mut seen = HashSet::new();
        record
            .captions
            .retain(|caption| seen.insert(caption.clone()));
        for (name, value) in row.json().as_object().unwrap() {
            if name.starts_with("column") {
                record.metadata.entry(name).or_insert(value.clone());
            }
        }
    }
    (records, refused)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rows_are_merged_as_said_plainly(rows in vec(row(), 0..40), cut in any::<prop::sample::Index>()) {
        let tree = Tree::new(&[]);
        let mut listing = Listing::new().unwrap();
        let cut = cut.index(rows.len() + 1);
        let (one, other) = rows.split_at(cut);
        for (file, rows) in [("a.jsonl", one), ("b.jsonl", other)] {
            let lines: String = rows.iter().map(|row| format!("{}\n", row.json())).collect();
            tree.write(file, lines + "\n");
            read_into(&mut listing, &tree, file);
        }
        let (expected, refused) = merged(&rows, cut);
        let nowhere = |record: Record| Record {
            source: Path::new("").into(),
            contributions: Vec::new(),
            ..record
        };
        let read: Vec<Record> = records(&listing).into_iter().map(nowhere).collect();
        prop_assert_eq!(read, expected);
        prop_assert_eq!(problems(&listing).len() as u64, refused);
    }
}
