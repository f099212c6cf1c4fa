//! The engine in a directory.

mod change;
mod database;
mod index;
mod tables;

use std::path::Path;
use std::sync::Arc;

use rusqlite::TransactionBehavior;

use self::database::Database;
pub use self::index::{Index, Vectors};
use crate::limits::{check_dimension, check_index_name};
use crate::{Error, IndexDescription, IndexSpec, Result};

/// The database's name in the engine's directory.
const DATABASE: &str = "vectors.sqlite3";

/// A vector engine in a directory of this machine.
///
/// It can be shared between threads, and the directory between processes: one writes at a time,
/// any number query, each of which sees the whole of a write or nothing of it.
#[derive(Debug)]
pub struct Embedded {
    engine: Arc<Engine>,
}

#[derive(Debug)]
struct Engine {
    database: Database,
}

impl Embedded {
    /// Opens the engine in `directory`, which is created if it is missing.
    ///
    /// # Errors
    /// `Io` or `Database` if the directory can't be used, `ForeignFile` or `NewerVersion` if what
    /// is in it is not ours or too new.
    pub fn open(directory: &Path) -> Result<Self> {
        std::fs::create_dir_all(directory).map_err(|source| Error::Io {
            path: directory.to_owned(),
            source,
        })?;
        let database = Database::open(&directory.join(DATABASE))?;
        Ok(Self {
            engine: Arc::new(Engine { database }),
        })
    }

    /// What the user should know about how the engine works here, if it isn't as it should.
    pub fn notice(&self) -> Option<&'static str> {
        self.engine.database.waits_for_others().then_some(
            "the file system of the vector database has no shared memory (is it on a network?): \
             searches wait for writes to end, and writes for searches",
        )
    }

    /// Creates an index.
    ///
    /// # Errors
    /// `InvalidIndexName`, `InvalidDimension` or `IndexExists`.
    pub fn create_index(&self, spec: &IndexSpec) -> Result<()> {
        check_index_name(&spec.name)?;
        check_dimension(spec.dimension)?;
        self.engine
            .write(|transaction| tables::insert_index(transaction, spec))
    }

    /// The indexes there are, by name.
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

    /// What is known of the index `name`.
    ///
    /// # Errors
    /// `IndexNotFound`.
    pub fn describe_index(&self, name: &str) -> Result<IndexDescription> {
        self.engine.read(|transaction| {
            tables::describe(transaction, &tables::index_by_name(transaction, name)?)
        })
    }

    /// Drops the index `name` with all that is in it.
    ///
    /// # Errors
    /// `IndexNotFound`.
    pub fn drop_index(&self, name: &str) -> Result<()> {
        self.engine.write(|transaction| {
            tables::delete_index(transaction, &tables::index_by_name(transaction, name)?)
        })
    }

    /// The index `name`, to work with.
    ///
    /// # Errors
    /// `IndexNotFound`.
    pub fn index(&self, name: &str) -> Result<Index> {
        let row = self
            .engine
            .read(|transaction| tables::index_by_name(transaction, name))?;
        Ok(Index::new(Arc::clone(&self.engine), row))
    }
}

impl Engine {
    /// Runs `work` on one state of the database.
    fn read<T>(&self, work: impl FnOnce(&rusqlite::Transaction<'_>) -> Result<T>) -> Result<T> {
        self.database.with(|connection| {
            let transaction = connection.transaction()?;
            work(&transaction)
        })
    }

    /// Runs `work` as one change, which is on the disk when this returns `Ok`, and has not
    /// happened when it returns `Err`.
    fn write<T>(&self, work: impl FnOnce(&rusqlite::Transaction<'_>) -> Result<T>) -> Result<T> {
        self.database.with(|connection| {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let result = work(&transaction)?;
            transaction.commit()?;
            Ok(result)
        })
    }
}
