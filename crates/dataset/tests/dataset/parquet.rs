use std::error::Error;
use std::fs;
use std::path::Path;

use dataset::{Columns, Listing, SourceOptions};
use serde_json::{Value, json};

use crate::tree::{Tree, records};

/// A table written by pandas or pyarrow (`tools/fixtures/dataset/make.py`).
pub(crate) fn fixture(name: &str) -> Vec<u8> {
    fs::read(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/data")
            .join(name),
    )
    .unwrap()
}

fn read(name: &str, pictures: &[&str]) -> (Tree, Listing) {
    let tree = Tree::new(pictures);
    tree.write(name, fixture(name));
    let listing = tree.read(name);
    (tree, listing)
}

#[test]
fn every_type_in_every_codec() {
    for form in ["snappy", "gzip", "zstd", "lz4", "none", "v2"] {
        let name = format!("typed-{form}.parquet");
        let (tree, listing) = read(&name, &["dog.jpg", "cat.jpg"]);
        assert_eq!(tree.problems(&listing), [format!("{name}:3: no path")]);
        assert_eq!(tree.locations(&listing), ["dog.jpg", "cat.jpg"]);
        let [dog, cat] = records(&listing).try_into().unwrap();
        assert_eq!(
            (dog.id.as_deref(), cat.id.as_deref()),
            (Some("7"), Some("8"))
        );
        assert_eq!(dog.captions, ["a dog", "a happy dog"]);
        assert_eq!(cat.captions, [""; 0]);
        let expected = json!({
            "year": 2019, "count": -3, "large": u64::MAX, "weight": 0.1, "height": 0.25,
            "indoors": true, "price": -12.5, "tags": ["pet", "snow"], "breed": "pug", "day": "2019-05-17",
            "taken": "2019-05-17T12:30:00.250", "added": "2019-05-17T12:30:00.250Z",
        });
        assert_eq!(Value::Object(dog.metadata), expected);
        assert_eq!(Value::Object(cat.metadata), json!({}));
    }
}

#[test]
fn lists_of_captions() {
    let (tree, listing) = read("listed.parquet", &["dog.jpg", "cat.jpg"]);
    assert_eq!(tree.problems(&listing), [""; 0]);
    let records = records(&listing);
    assert_eq!(records[0].captions, ["a dog", "a pup", "a hound"]);
    assert_eq!(records[1].captions, [""; 0]);
}

#[test]
fn many_batches_and_groups() {
    let pictures: Vec<String> = (0..49)
        .map(|index| format!("pictures/{index}.jpg"))
        .collect();
    let pictures: Vec<&str> = pictures.iter().map(String::as_str).collect();
    let (tree, listing) = read("many.parquet", &pictures);
    assert_eq!(tree.locations(&listing), pictures);
    let records = records(&listing);
    assert_eq!(records[48].captions, ["caption 96", "caption 97"]);
    assert_eq!(records[48].metadata["row"], 96);
    // Of a hundred rows.
    assert_eq!(
        tree.problems(&listing),
        ["many.parquet:99: no such file `pictures/49.jpg`"]
    );
}

#[test]
fn bytes_that_are_not_marked_as_text() {
    let (tree, listing) = read("unmarked.parquet", &["dog.jpg"]);
    assert_eq!(tree.locations(&listing), ["dog.jpg"]);
    assert_eq!(
        tree.problems(&listing),
        ["unmarked.parquet:2: column `path` is not valid UTF-8"]
    );
}

#[test]
fn columns_that_cannot_be_what_they_are_named_for() {
    let tree = Tree::new(&[]);
    let error = |column: &str| {
        let columns = Columns {
            path: Some(column.to_owned()),
            ..Columns::default()
        };
        tree.error("t.parquet", &fixture("typed-snappy.parquet"), columns)
    };
    for column in ["year", "tags", "exif", "missing"] {
        let error = error(column);
        let expected =
            format!("no column `{column}` in `t.parquet` for `--path-column`, got `file_name`");
        assert!(error.starts_with(&expected), "{error}");
    }
}

#[test]
fn what_is_no_parquet_is_an_error() {
    let tree = Tree::new(&[]);
    let whole = fixture("typed-snappy.parquet");
    let error = tree.error("t.parquet", b"", Columns::default());
    assert_eq!(error, "`t.parquet` is empty");
    for content in [
        b"PAR1".as_slice(),
        b"path\ndog.jpg\n",
        &whole[..whole.len() - 1],
    ] {
        let error = tree.error("t.parquet", content, Columns::default());
        assert_eq!(error, "cannot read `t.parquet` as Parquet");
    }
}

/// Found by fuzzing: its dictionary claims 671 million numbers.
#[test]
fn a_dictionary_that_lies_takes_no_memory() {
    let tree = Tree::new(&[]);
    tree.write("t.parquet", fixture("dictionary-lies.parquet"));
    let error = tree.read_with("t.parquet", SourceOptions::default());
    let source = error.unwrap_err().source().unwrap().to_string();
    assert!(
        source.contains("dictionary of 671088639 values in"),
        "{source}"
    );
}

/// Found by fuzzing: a page's header has a list with more elements than can be read in reasonable time.
/// Reading fails at the end of the file, long before them.
#[test]
fn a_header_that_lies_is_read_no_further_than_the_file() {
    let tree = Tree::new(&[]);
    tree.write("t.parquet", fixture("header-lies.parquet"));
    let error = tree.read_with("t.parquet", SourceOptions::default());
    let source = error.unwrap_err().source().unwrap().to_string();
    assert!(source.contains("end of file"), "{source}");
}

#[test]
fn a_codec_that_is_not_built_in_is_named() {
    let tree = Tree::new(&[]);
    tree.write("t.parquet", fixture("typed-brotli.parquet"));
    let error = tree.read_with("t.parquet", SourceOptions::default());
    let source = error.unwrap_err().source().unwrap().to_string();
    assert!(source.contains("brotli"), "{source}");
}

#[test]
fn parquet_is_known_by_its_content() {
    let tree = Tree::new(&["dog.jpg", "cat.jpg"]);
    tree.write("table.bin", fixture("listed.parquet"));
    assert_eq!(tree.read("table.bin").pictures(), 2);
}
