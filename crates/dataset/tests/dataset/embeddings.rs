use std::fs::{self, File};
use std::path::Path;

use dataset::{EmbeddingArray, EmbeddingRow, EmbeddingTable, Error};
use parquet::file::reader::FileReader;
use parquet::file::serialized_reader::SerializedFileReader;
use parquet::record::{Field, ListAccessor, RowAccessor};

use crate::tree::{Tree, records};

fn row<'a>(id: &'a str, image: &'a [f32], text: Option<&'a [f32]>) -> EmbeddingRow<'a> {
    EmbeddingRow {
        id,
        image: "a.jpg",
        caption: "b",
        image_embedding: image,
        text_embedding: text,
    }
}

fn files(tree: &Tree) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(tree.root())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn numbers(field: &Field) -> Option<Vec<f32>> {
    match field {
        Field::ListInternal(list) => Some(
            (0..list.len())
                .map(|index| list.get_float(index).unwrap())
                .collect(),
        ),
        _ => None,
    }
}

/// Writes `vectors` to `path` as one array.
fn write_npy<'a>(
    path: &Path,
    dimension: usize,
    vectors: impl IntoIterator<Item = &'a [f32]>,
) -> dataset::Result<()> {
    let mut array = EmbeddingArray::create(path, dimension)?;
    for vector in vectors {
        array.write(vector)?;
    }
    array.finish()
}

#[test]
fn a_table_is_read_back() {
    let tree = Tree::new(&[]);
    let path = tree.path("t.parquet");
    // Enough rows for several row groups of each bound.
    let rows = 70_000;
    let mut table = EmbeddingTable::create(&path).unwrap();
    for index in 0..rows {
        let (id, value) = (index.to_string(), index as f32);
        let text = [-value, 0.5];
        table
            .write(&row(
                &id,
                &[value, f32::NAN],
                (index % 3 != 0).then_some(&text),
            ))
            .unwrap();
    }
    table.finish().unwrap();
    assert_eq!(files(&tree), ["t.parquet"]);

    let reader = SerializedFileReader::new(File::open(&path).unwrap()).unwrap();
    assert_eq!(reader.num_row_groups(), 2);
    let mut count = 0;
    for (index, row) in reader.get_row_iter(None).unwrap().enumerate() {
        let row = row.unwrap();
        let value = index as f32;
        assert_eq!(row.get_string(0).unwrap(), &index.to_string());
        assert_eq!(
            (
                row.get_string(1).unwrap().as_str(),
                row.get_string(2).unwrap().as_str()
            ),
            ("a.jpg", "b")
        );
        let columns = row.into_columns();
        let image = numbers(&columns[3].1).unwrap();
        assert!(image[0] == value && image[1].is_nan() && image.len() == 2);
        let text = (index % 3 != 0).then(|| vec![-value, 0.5]);
        assert_eq!(numbers(&columns[4].1), text);
        count += 1;
    }
    assert_eq!(count, rows);
}

#[test]
fn groups_are_bounded_by_their_numbers() {
    let tree = Tree::new(&[]);
    let path = tree.path("t.parquet");
    let vector = vec![0.25; 1 << 20];
    let mut table = EmbeddingTable::create(&path).unwrap();
    for _ in 0..5 {
        table.write(&row("a", &vector, Some(&vector))).unwrap();
    }
    table.finish().unwrap();
    let reader = SerializedFileReader::new(File::open(&path).unwrap()).unwrap();
    assert_eq!(reader.num_row_groups(), 3);
}

#[test]
fn a_table_without_rows_is_one() {
    let tree = Tree::new(&[]);
    EmbeddingTable::create(&tree.path("t.parquet"))
        .unwrap()
        .finish()
        .unwrap();
    let reader = SerializedFileReader::new(File::open(tree.path("t.parquet")).unwrap()).unwrap();
    assert_eq!(reader.metadata().file_metadata().num_rows(), 0);
}

#[test]
fn a_table_is_a_source_of_its_own_pictures() {
    let tree = Tree::new(&["a.jpg"]);
    let mut table = EmbeddingTable::create(&tree.path("t.parquet")).unwrap();
    table.write(&row("7", &[1.0], None)).unwrap();
    table.finish().unwrap();
    let listing = tree.read("t.parquet");
    assert_eq!(tree.locations(&listing), ["a.jpg"]);
    let records = records(&listing);
    assert_eq!(records[0].id.as_deref(), Some("7"));
    assert_eq!(records[0].captions, ["b"]);
    assert!(records[0].metadata.is_empty());
}

#[test]
fn an_array_is_as_numpy_writes_it() {
    let tree = Tree::new(&[]);
    let path = tree.path("a.npy");
    let vectors: [&[f32]; 2] = [&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0]];
    write_npy(&path, 3, vectors).unwrap();
    let bytes = fs::read(&path).unwrap();
    let (header, body) = bytes.split_at(128);
    let text = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
    assert_eq!(
        header,
        format!("{}{text:<117}\n", "\u{93}NUMPY\u{1}\0v\0")
            .chars()
            .map(|c| c as u8)
            .collect::<Vec<_>>()
    );
    let expected: Vec<u8> = vectors
        .concat()
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    assert_eq!(body, expected);

    write_npy(&path, 512, []).unwrap();
    assert_eq!(
        fs::read(&path).unwrap().len(),
        128,
        "replaced by an empty one"
    );
    assert_eq!(files(&tree), ["a.npy"]);
}

#[test]
fn dropped_unfinished_nothing_is_left() {
    let tree = Tree::new(&[]);
    tree.write("t.parquet", b"old").write("a.npy", b"old");
    let mut table = EmbeddingTable::create(&tree.path("t.parquet")).unwrap();
    table.write(&row("a", &[1.0], None)).unwrap();
    let mut array = EmbeddingArray::create(&tree.path("a.npy"), 1).unwrap();
    array.write(&[1.0]).unwrap();
    assert_eq!(files(&tree).len(), 4);
    drop((table, array));
    assert_eq!(files(&tree), ["a.npy", "t.parquet"]);
    assert_eq!(fs::read(tree.path("t.parquet")).unwrap(), b"old");
    assert_eq!(fs::read(tree.path("a.npy")).unwrap(), b"old");
}

#[test]
fn vectors_of_another_dimension_are_refused() {
    let tree = Tree::new(&[]);
    let mut table = EmbeddingTable::create(&tree.path("t.parquet")).unwrap();
    table.write(&row("a", &[1.0, 2.0], None)).unwrap();
    for wrong in [row("b", &[1.0], None), row("b", &[1.0, 2.0], Some(&[1.0]))] {
        let error = table.write(&wrong).unwrap_err();
        assert!(matches!(
            error,
            Error::Dimension {
                got: 1,
                expected: 2
            }
        ));
    }
    table.finish().unwrap();
    let vectors: [&[f32]; 2] = [&[1.0], &[1.0, 2.0]];
    let error = write_npy(&tree.path("a.npy"), 1, vectors).unwrap_err();
    assert_eq!(error.to_string(), "got a vector of dimension 2, expected 1");
    assert_eq!(files(&tree), ["t.parquet"]);
}

#[test]
fn a_folder_that_is_not_there() {
    let tree = Tree::new(&["file"]);
    for path in ["missing/t.parquet", "file/t.parquet"] {
        let error = EmbeddingTable::create(&tree.path(path)).unwrap_err();
        assert!(matches!(error, Error::Write { .. }), "{error}");
    }
}

#[cfg(unix)]
#[test]
fn files_can_be_read_by_those_who_can_read_others() {
    use std::os::unix::fs::PermissionsExt;

    let tree = Tree::new(&["plain"]);
    write_npy(&tree.path("a.npy"), 1, []).unwrap();
    let mode = |name| fs::metadata(tree.path(name)).unwrap().permissions().mode();
    assert_eq!(mode("a.npy"), mode("plain"));
}
