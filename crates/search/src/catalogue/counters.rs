//! The number of pictures and captions of each collection.
//!
//! Three columns of the table `collections` hold the numbers, so reading them is fast in a collection of any
//! size. Triggers on `records` update them.

use rusqlite::Connection;

/// The columns.
pub(super) const COLUMNS: [&str; 3] = ["pictures", "missing", "captions"];

/// What a row of `records` adds to each column. Missing pictures and their captions don't count. Captions
/// that aren't valid JSON count as none, so that a damaged record can be deleted.
fn parts(row: &str) -> [String; 3] {
    [
        format!("NOT {row}missing"),
        format!("{row}missing <> 0"),
        format!(
            "CASE WHEN NOT {row}missing AND json_valid({row}captions)
             THEN json_array_length({row}captions) ELSE 0 END"
        ),
    ]
}

/// An update that adds or subtracts the `old` or `new` row of a trigger.
fn count(sign: char, row: &str) -> String {
    let parts = COLUMNS.into_iter().zip(parts(&format!("{row}.")));
    let parts: Vec<String> = parts
        .map(|(column, part)| format!("{column} = {column} {sign} ({part})"))
        .collect();
    let parts = parts.join(", ");
    format!("UPDATE collections SET {parts} WHERE id = {row}.collection;")
}

/// Creates the triggers that update the columns.
pub(super) fn create_triggers(connection: &Connection) -> rusqlite::Result<()> {
    let (add, subtract) = (count('+', "new"), count('-', "old"));
    connection.execute_batch(&format!(
        "CREATE TRIGGER counters_after_insertion AFTER INSERT ON records BEGIN {add} END;
         CREATE TRIGGER counters_after_deletion AFTER DELETE ON records BEGIN {subtract} END;
         CREATE TRIGGER counters_after_update AFTER UPDATE OF collection, captions, missing ON records
         BEGIN {subtract} {add} END;"
    ))
}

/// Counts existing records.
pub(super) fn fill(connection: &Connection) -> rusqlite::Result<()> {
    let parts = COLUMNS.into_iter().zip(parts(""));
    let sums: Vec<String> = parts
        .map(|(column, part)| {
            format!(
                "{column} = (SELECT coalesce(sum({part}), 0) FROM records WHERE collection = collections.id)"
            )
        })
        .collect();
    connection.execute_batch(&format!("UPDATE collections SET {}", sums.join(", ")))
}

#[cfg(test)]
mod tests {
    use index::EngineKind;

    use crate::catalogue::{Catalogue, CollectionKey};
    use crate::identity::ModelIdentity;
    use crate::record::Record;

    /// The numbers by counting all records.
    fn counted(catalogue: &Catalogue, key: CollectionKey) -> (u64, u64, u64) {
        let records = catalogue.records(key, None, usize::MAX >> 1).unwrap();
        let there: Vec<_> = records.iter().filter(|record| !record.missing).collect();
        let captions: usize = there.iter().map(|record| record.captions.len()).sum();
        let missing = records.len() - there.len();
        (there.len() as u64, missing as u64, captions as u64)
    }

    #[test]
    fn the_columns_are_the_counts_whatever_is_written() {
        let directory = tempfile::tempdir().unwrap();
        let catalogue = Catalogue::open(&directory.path().join("catalogue.sqlite")).unwrap();
        let model = ModelIdentity::for_tests(2);
        let mut state = 7u32;
        // Numerical Recipes' generator; its high bits are the better ones.
        let mut random = |below: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) % below
        };
        for name in ["birds", "trees"] {
            catalogue
                .create_collection(name, &model, EngineKind::Embedded)
                .unwrap();
        }
        for _ in 0..300 {
            let name = ["birds", "trees"][random(2) as usize];
            let key = catalogue.collection(name).unwrap().unwrap().key;
            // With few ids and locations, records replace others with the same id, location, or both.
            let gone: Vec<String> = (0..random(3)).map(|_| random(12).to_string()).collect();
            let record = |_| Record {
                id: random(12).to_string(),
                location: format!("/{}", random(12)),
                captions: vec!["a wren".to_owned(); random(4) as usize],
                missing: random(3) == 0,
                ..Record::default()
            };
            let records: Vec<Record> = (0..4).map(record).collect();
            catalogue.replace_records(key, &gone, &records).unwrap();
            for row in catalogue.collections().unwrap() {
                let (pictures, captions) = catalogue.size(row.key).unwrap();
                let found = (row.pictures, row.missing, captions);
                assert_eq!(pictures, row.pictures);
                assert_eq!(found, counted(&catalogue, row.key), "{}", row.name);
            }
        }
        let key = catalogue.collection("birds").unwrap().unwrap().key;
        catalogue.delete_collection(key).unwrap();
        assert_eq!(catalogue.size(key).unwrap(), (0, 0));
    }
}
