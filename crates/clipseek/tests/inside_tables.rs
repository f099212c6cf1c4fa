//! Tables that have their pictures in themselves.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clipseek::{AddProgress, AddReport, AddRequest, Clipseek, MINI, ModelChoice, Settings};
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use picture::Picture;

/// A table of pictures, of which no two are equal, with these captions. The pictures are other ones for another `first`.
fn table(first: u8, captions: &[&[u8]]) -> Vec<u8> {
    let schema = "message birds { required group image { required binary bytes; required binary path (STRING); }
        required binary caption (STRING); }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let mut bytes = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut bytes, schema, Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let picture = |number| Picture::from_rgb(8, 8, vec![number; 192]).unwrap().to_png();
    let pictures = (0..captions.len()).map(|number| picture(first + number as u8).into());
    let paths = captions.iter().map(|_| "a.png".into());
    let captions = captions.iter().map(|caption| caption.to_vec().into());
    let columns: [Vec<ByteArray>; 3] = [pictures.collect(), paths.collect(), captions.collect()];
    for values in columns {
        let mut column = group.next_column().unwrap().unwrap();
        column
            .typed::<ByteArrayType>()
            .write_batch(&values, None, None)
            .unwrap();
        column.close().unwrap();
    }
    group.close().unwrap();
    writer.close().unwrap();
    bytes
}

/// Adds a table in `folder`. `taken_out` is called with the store's folder when the pictures are there.
fn added(folder: &Path, captions: &[&[u8]], taken_out: impl Fn(&Path) + Sync) -> AddReport {
    fs::write(folder.join("birds.parquet"), table(0, captions)).unwrap();
    add(folder, taken_out)
}

fn add(folder: &Path, taken_out: impl Fn(&Path) + Sync) -> AddReport {
    let (birds, store) = (folder.join("birds.parquet"), folder.join("store"));
    let clipseek = Clipseek::new(Settings::in_directory(&store));
    let request = AddRequest {
        sources: vec![birds],
        model: ModelChoice::named(MINI),
        ..AddRequest::default()
    };
    let watcher = |progress: AddProgress<'_>| {
        if let AddProgress::Extracting(_) = progress {
            taken_out(&store);
        }
    };
    clipseek
        .add(request, &AtomicBool::new(false), &watcher)
        .unwrap()
}

#[test]
fn pictures_that_vanish_during_the_run_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let vanish = |store: &Path| {
        let images = store.join("downloads/default/images");
        fs::rename(&images, images.with_extension("aside")).unwrap();
    };
    let report = added(folder.path(), &[b"a wren", b"a crow"], vanish);
    let expected = BTreeMap::from([("vanished", 2)]);
    assert_eq!((report.counts.added, report.reasons()), (0, expected));
    assert_eq!((report.counts.failed, report.counts.stopped), (2, false));

    // The same again takes them out again.
    let report = added(folder.path(), &[b"a wren", b"a crow"], |_| {});
    assert_eq!((report.counts.added, report.counts.failed), (2, 0));
}

#[test]
fn a_row_that_cannot_be_read_hides_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let report = added(folder.path(), &[b"\xff", b"a crow", b"a wren"], |_| {});
    assert_eq!((report.counts.added, report.counts.failed), (2, 0));
    assert_eq!(report.skipped, 1);
}

#[test]
fn another_picture_in_a_row_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let captions: [&[u8]; 2] = [b"a wren", b"a crow"];
    added(folder.path(), &captions, |_| {});
    fs::write(folder.path().join("birds.parquet"), table(9, &captions)).unwrap();
    let report = add(folder.path(), |_| {});
    assert_eq!((report.counts.updated, report.counts.unchanged), (2, 0));
    let report = add(folder.path(), |_| {});
    assert_eq!((report.counts.updated, report.counts.unchanged), (0, 2));
}
