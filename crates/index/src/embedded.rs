//! The embedded engine, which stores vectors in a local directory.
//!
//! One SQLite database is authoritative. It has the indexes, the namespaces and each vector as given. Each
//! write is one transaction ([`database`] has the schema, [`change`] the steps of a write).
//!
//! Queries scan derived data, which can be deleted at any time: [`segment`]s, with the vectors in four and
//! eight bits ([`quantise`]) and an inverted index of their metadata ([`columns`]). A [`view`] is a namespace
//! at one revision, as a list of segments: older ones in mapped files, newer ones in memory. [`publish`]
//! writes a new file when the files fall behind. A query updates its namespace's view, in the transaction in
//! which it runs, and [`scan`]s it.
//!
//! So the cost of a write is proportional to its size, and a query writes nothing. If derived files are lost
//! or damaged, queries are slower but still correct.

mod bitset;
mod change;
mod check;
mod columns;
mod database;
mod found;
mod index;
mod publish;
mod quantise;
mod rotation;
mod scan;
mod segment;
mod segment_name;
mod shared;
mod sparse_search;
mod sparse_tables;
mod survey;
mod tables;
mod view;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub use self::check::{Damage, Report};
use self::database::Database;
pub use self::index::{EmbeddedIndex, Vectors};
use self::shared::Shared;
pub use self::survey::Revision;
use crate::{Error, IndexDescription, IndexSettings, IndexSpec, Result};

/// The name of the database in the engine's directory.
const DATABASE: &str = "vectors.sqlite3";
/// The directory of derived files, which may be deleted at any time.
const SEGMENTS: &str = "segments";

/// A vector engine in a local directory.
///
/// Threads can share it, and processes can share the directory. One process writes at a time; any number may
/// query. A query sees all of a write or nothing.
#[derive(Debug, Clone)]
pub struct Embedded {
    engine: Arc<Shared>,
}

impl Embedded {
    /// Opens the engine in `directory`. Creates it if it doesn't exist.
    ///
    /// A read-only directory is opened for searches; every change then fails with `ReadOnly`.
    ///
    /// # Errors
    /// `Io`, `DiskFull` or `Database` if the directory can't be used; `ForeignFile` or `NewerVersion` if its
    /// database is another program's or too new; `UnfinishedChanges` if a crash left a read-only database
    /// that can't be read without writing.
    pub fn open(directory: &Path) -> Result<Self> {
        let (database, segments) = (directory.join(DATABASE), directory.join(SEGMENTS));
        let made = std::fs::create_dir_all(&segments);
        if let Err(source) = made
            && !database.exists()
        {
            return Err(Error::of_file(segments, source));
        }
        let database = Database::open(&database)?;
        let engine = Shared::new(database, segments);
        let named = engine.read(|transaction| tables::segments(transaction))?;
        if engine.database.check_writable().is_ok() {
            publish::sweep(&engine.segments, &named);
        }
        Ok(Self {
            engine: Arc::new(engine),
        })
    }

    /// Whether the database file was deleted or moved after it was opened, so that writes fail.
    pub fn is_gone(&self) -> bool {
        let writable = self.engine.database.check_writable();
        matches!(writable, Err(Error::Gone { .. }))
    }

    /// A warning for the user if the engine works with limitations.
    pub fn notice(&self) -> Option<&'static str> {
        if self.engine.database.check_writable().is_err() {
            return Some("the vector database is read-only here: only searches work");
        }
        if self.engine.database.waits_for_others() {
            return Some(
                "the file system of the vector database has no shared memory (is it on a \
                 network?): searches wait for writes to end, and writes for searches",
            );
        }
        self.engine
            .cannot_publish
            .load(Ordering::Relaxed)
            .then_some(
                "the files that make searches start fast cannot be written: is the disk full?",
            )
    }

    /// What SQLite's integrity check reports, one line each; empty if the database is sound.
    ///
    /// Reads the whole file. A damaged database can't be repaired: the vectors have to be written again.
    ///
    /// # Errors
    /// `Database` if the file is too damaged to check.
    pub fn check(&self) -> Result<Vec<String>> {
        self.engine
            .read(|transaction| check::check_database(transaction))
    }

    /// Creates an index.
    ///
    /// # Errors
    /// `InvalidIndexName`, `InvalidDimension`, `SparseMetric` or `IndexExists`.
    pub fn create_index(&self, spec: &IndexSpec) -> Result<()> {
        self.create_index_with(spec, &IndexSettings::default())
    }

    /// Creates an index with these settings.
    ///
    /// # Errors
    /// As [`create_index`](Self::create_index).
    pub fn create_index_with(&self, spec: &IndexSpec, settings: &IndexSettings) -> Result<()> {
        spec.check()?;
        self.engine.write(|transaction| {
            tables::insert_index(transaction, spec)?;
            if *settings == IndexSettings::default() {
                return Ok(());
            }
            let index = tables::index_by_name(transaction, &spec.name)?;
            tables::write_settings(transaction, &index, settings)
        })
    }

    /// All indexes, sorted by name.
    ///
    /// # Errors
    /// `Database` or `Busy`.
    pub fn list_indexes(&self) -> Result<Vec<IndexDescription>> {
        self.engine.read(|transaction| {
            let indexes = tables::indexes(transaction)?;
            indexes
                .iter()
                .map(|index| tables::describe(transaction, index))
                .collect()
        })
    }

    /// The description of the index `name`.
    ///
    /// # Errors
    /// `IndexNotFound`.
    pub fn describe_index(&self, name: &str) -> Result<IndexDescription> {
        self.engine.read(|transaction| {
            tables::describe(transaction, &tables::index_by_name(transaction, name)?)
        })
    }

    /// The settings of the index `name`.
    ///
    /// # Errors
    /// `IndexNotFound`.
    pub fn settings(&self, name: &str) -> Result<IndexSettings> {
        self.engine.read(|transaction| {
            tables::settings(transaction, &tables::index_by_name(transaction, name)?)
        })
    }

    /// Changes the settings of the index `name`. Returns the new settings.
    ///
    /// # Errors
    /// `IndexNotFound`.
    pub fn configure_index(
        &self,
        name: &str,
        change: impl FnOnce(&mut IndexSettings),
    ) -> Result<IndexSettings> {
        self.engine.write(|transaction| {
            let index = tables::index_by_name(transaction, name)?;
            let mut settings = tables::settings(transaction, &index)?;
            change(&mut settings);
            tables::write_settings(transaction, &index, &settings)?;
            Ok(settings)
        })
    }

    /// Deletes the index `name` with all its vectors.
    ///
    /// # Errors
    /// `IndexNotFound`, or `DeletionProtected` if its settings say so.
    pub fn drop_index(&self, name: &str) -> Result<()> {
        let files = self.engine.write(|transaction| {
            let index = tables::index_by_name(transaction, name)?;
            if tables::settings(transaction, &index)?.deletion_protection {
                return Err(Error::DeletionProtected { name: index.name });
            }
            let namespaces = tables::namespaces(transaction, &index)?;
            tables::delete_index(transaction, &index)?;
            Ok(namespaces)
        })?;
        self.engine.forget(&files);
        Ok(())
    }

    /// Opens the index `name`.
    ///
    /// # Errors
    /// `IndexNotFound`.
    pub fn index(&self, name: &str) -> Result<EmbeddedIndex> {
        let row = self
            .engine
            .read(|transaction| tables::index_by_name(transaction, name))?;
        Ok(EmbeddedIndex::new(Arc::clone(&self.engine), row))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rusqlite::TransactionBehavior;

    use super::tables::NamespaceRow;
    use super::*;
    use crate::{Metric, Query, QueryBy, Vector};

    fn vectors(range: std::ops::Range<u32>) -> Vec<Vector> {
        let vector = |number: u32| Vector {
            id: number.to_string(),
            values: vec![number as f32, 1.0],
            metadata: crate::Metadata::new(),
            sparse_values: None,
        };
        range.map(vector).collect()
    }

    fn create(directory: &Path) -> EmbeddedIndex {
        let engine = Embedded::open(directory).unwrap();
        let spec = IndexSpec {
            name: "test".into(),
            dimension: 2,
            metric: Metric::Dotproduct,
        };
        engine.create_index(&spec).unwrap();
        engine.index("test").unwrap()
    }

    /// The number of vectors that a newly opened engine reads from each file, and into memory.
    fn parts(directory: &Path) -> (Vec<usize>, usize) {
        let engine = Embedded::open(directory).unwrap().engine;
        let row = engine
            .read(|transaction| tables::index_by_name(transaction, "test"))
            .unwrap();
        let ((), view) = engine.read_view(&row, "", |_, _| Ok(())).unwrap().unwrap();
        view.lengths()
    }

    fn query(index: &EmbeddedIndex) {
        index
            .query("", &Query::new(QueryBy::Values(vec![1.0, 0.0]), 1))
            .unwrap();
    }

    #[test]
    fn files_are_written_when_it_pays_and_used() {
        let directory = tempfile::tempdir().unwrap();
        let index = create(directory.path());
        let has = |files: &[usize], in_memory| {
            assert_eq!(parts(directory.path()), (files.to_vec(), in_memory));
        };
        index.upsert("", &vectors(0..1_000)).unwrap();
        query(&index);
        has(&[], 1_000);
        index.upsert("", &vectors(1_000..50_000)).unwrap();
        has(&[50_000], 0);
        index.upsert("", &vectors(49_900..50_100)).unwrap();
        query(&index);
        index.refresh("").unwrap();
        has(&[50_000], 200);
        index.upsert("", &vectors(50_100..52_000)).unwrap();
        index.refresh("").unwrap();
        has(&[50_000, 2_100], 0);
        // Smaller files are merged with what comes after them; the large one stays.
        index.upsert("", &vectors(52_000..60_500)).unwrap();
        has(&[50_000, 10_600], 0);
        // An eighth has been removed.
        index.upsert("", &vectors(0..8_000)).unwrap();
        has(&[60_500], 0);
    }

    #[test]
    fn files_before_a_damaged_one_are_kept() {
        let directory = tempfile::tempdir().unwrap();
        let index = create(directory.path());
        for (first, last) in [(0, 50_000), (50_000, 60_000), (60_000, 65_000)] {
            index.upsert("", &vectors(first..last)).unwrap();
        }
        assert_eq!(parts(directory.path()), (vec![50_000, 10_000, 5_000], 0));
        let names = tables_row(&index).segments;
        fs::remove_file(directory.path().join(SEGMENTS).join(names[1].to_string())).unwrap();
        assert_eq!(parts(directory.path()), (vec![50_000], 15_000));
        let index = Embedded::open(directory.path())
            .unwrap()
            .index("test")
            .unwrap();
        query(&index);
        assert_eq!(parts(directory.path()), (vec![50_000, 15_000], 0));
        assert_eq!(tables_row(&index).segments[0], names[0]);
    }

    fn tables_row(index: &EmbeddedIndex) -> NamespaceRow {
        let row = index.engine().read(|transaction| {
            let row = tables::index_by_name(transaction, "test")?;
            tables::namespace(transaction, &row, "")
        });
        row.unwrap().unwrap()
    }

    #[test]
    fn damaged_files_are_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let index = create(directory.path());
        index.upsert("", &vectors(0..5_000)).unwrap();
        index.refresh("").unwrap();
        drop(index);
        let files = || fs::read_dir(directory.path().join(SEGMENTS)).unwrap();
        for file in files() {
            let path = file.unwrap().path();
            let mut bytes = fs::read(&path).unwrap();
            bytes[100_000] ^= 1;
            fs::remove_file(&path).unwrap();
            fs::write(&path, bytes).unwrap();
        }
        assert_eq!(parts(directory.path()), (vec![], 5_000));
        query(
            &Embedded::open(directory.path())
                .unwrap()
                .index("test")
                .unwrap(),
        );
        assert_eq!(parts(directory.path()), (vec![5_000], 0));
        assert_eq!(files().count(), 1);
    }

    #[test]
    fn without_a_place_for_files_searches_work() {
        let directory = tempfile::tempdir().unwrap();
        let index = create(directory.path());
        let engine = Embedded {
            engine: Arc::clone(index.engine()),
        };
        fs::remove_dir(directory.path().join(SEGMENTS)).unwrap();
        fs::write(directory.path().join(SEGMENTS), "").unwrap();
        assert_eq!(engine.notice(), None);
        index.upsert("", &vectors(0..5_000)).unwrap();
        query(&index);
        query(&index);
        assert!(engine.notice().is_some());
        assert!(matches!(index.refresh(""), Err(Error::Io { .. })));
    }

    #[test]
    fn searches_do_not_wait_for_a_writer() {
        let directory = tempfile::tempdir().unwrap();
        let index = create(directory.path());
        index.upsert("", &vectors(0..5_000)).unwrap();
        let [name] = tables_row(&index).segments.try_into().unwrap();
        fs::remove_file(directory.path().join(SEGMENTS).join(name.to_string())).unwrap();
        let mut writer = rusqlite::Connection::open(directory.path().join(DATABASE)).unwrap();
        let writing = writer
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .unwrap();
        query(
            &Embedded::open(directory.path())
                .unwrap()
                .index("test")
                .unwrap(),
        );
        assert_eq!(parts(directory.path()), (vec![], 5_000));
        drop(writing);
        query(
            &Embedded::open(directory.path())
                .unwrap()
                .index("test")
                .unwrap(),
        );
        assert_eq!(parts(directory.path()), (vec![5_000], 0));
    }

    #[test]
    fn removals_do_not_pile_up() {
        let directory = tempfile::tempdir().unwrap();
        let index = create(directory.path());
        for _ in 0..15 {
            index.upsert("", &vectors(0..500)).unwrap();
        }
        query(&index);
        let count: i64 = index
            .engine()
            .read(|transaction| {
                Ok(transaction.query_row("SELECT count(*) FROM removals", [], |row| row.get(0))?)
            })
            .unwrap();
        assert!(count <= 4_096, "{count}");
        assert_eq!(parts(directory.path()), (vec![], 500));
    }

    #[test]
    fn can_be_shared() {
        fn shared<T: Send + Sync>() {}
        shared::<Embedded>();
        shared::<EmbeddedIndex>();
    }
}
