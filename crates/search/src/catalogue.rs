//! The catalogue: the collections and their pictures.
//!
//! One SQLite file. Vectors live in the engine. A record is written after its vectors, so every record in the
//! catalogue has them.

mod collections;
mod counters;
mod records;
mod schema;
mod write_lock;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::Connection;

pub(crate) use self::collections::{CollectionKey, CollectionRow};
pub(crate) use self::write_lock::WriteLock;
use crate::error::{Error, Result};

/// The folder for downloads in a store.
pub(crate) const DOWNLOADS: &str = "downloads";

/// How long to wait for another process that is writing.
const PATIENCE: Duration = Duration::from_secs(30);

/// SQLite's cache for each connection, in KiB: enough for the pages that a group of batches changes.
/// If it spilled pages before the end of the transaction, readers would be blocked.
const CACHE: i64 = 32 << 10;

#[derive(Debug)]
pub(crate) struct Catalogue {
    path: PathBuf,
    /// The store's directory.
    home: PathBuf,
    /// The connection that writes. `reading` doesn't wait for it.
    connection: Mutex<Connection>,
    reading: Mutex<Connection>,
}

impl Catalogue {
    pub(crate) fn open(path: &Path) -> Result<Catalogue> {
        let at = |source| Error::Catalogue {
            path: path.to_owned(),
            source,
        };
        let connect = || {
            let connection = Connection::open(path)?;
            connection.busy_timeout(PATIENCE)?;
            connection.pragma_update(None, "cache_size", -CACHE)?;
            Ok(connection)
        };
        let mut connection = connect().map_err(at)?;
        set_up(&connection).map_err(at)?;
        schema::prepare(&mut connection, path)?;
        Ok(Catalogue {
            path: path.to_owned(),
            home: std::path::absolute(path.parent().unwrap_or(path)).unwrap_or_default(),
            connection: Mutex::new(connection),
            reading: Mutex::new(connect().map_err(at)?),
        })
    }

    /// The current path of a stored file path. Downloads are relative to the store, which may have been moved
    /// or copied.
    pub(crate) fn found(&self, file: String) -> String {
        let path = Path::new(&file);
        if path.starts_with(&self.home) {
            return file;
        }
        let parts: Vec<_> = path.components().collect();
        let Some(at) = parts.iter().rposition(|part| part.as_os_str() == DOWNLOADS) else {
            return file;
        };
        let below = parts[at..].iter().collect::<PathBuf>();
        let here = self.home.join(below);
        match here.to_str() {
            Some(here) if Path::new(here).exists() => here.to_owned(),
            _ => file,
        }
    }

    /// Acquires a collection's write lock; `None` if `stop` was set first.
    pub(crate) fn write_lock(
        &self,
        name: &str,
        stop: &AtomicBool,
        waiting: &(dyn Fn() + Sync),
    ) -> Result<Option<WriteLock>> {
        let file = self.path.with_file_name(format!("{name}.adding"));
        WriteLock::acquire(&file, stop, waiting)
    }

    /// What SQLite's integrity check reports, one line each; empty if the database is sound.
    pub(crate) fn check(&self) -> Result<Vec<String>> {
        let mut lines: Vec<String> = self.read(|connection| {
            connection
                .prepare("PRAGMA quick_check")?
                .query_map([], |row| row.get(0))?
                .collect()
        })?;
        lines.retain(|line| line != "ok");
        Ok(lines)
    }

    /// A number that changes with each commit of another connection. The reading connection never commits.
    pub(crate) fn state(&self) -> Result<i64> {
        self.read(|connection| {
            connection.pragma_query_value(None, "data_version", |row| row.get(0))
        })
    }

    /// Runs `work`, which only reads. Another thread may be preparing a transaction meanwhile.
    fn read<T>(&self, work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>) -> Result<T> {
        self.run_on(&self.reading, work)
    }

    fn run<T>(&self, work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>) -> Result<T> {
        self.run_on(&self.connection, work)
    }

    fn run_on<T>(
        &self,
        connection: &Mutex<Connection>,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        work(&mut lock(connection)).map_err(|source| Error::Catalogue {
            path: self.path.clone(),
            source,
        })
    }
}

/// Sets up the writing connection.
fn set_up(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "foreign_keys", true)?;
    // With a rollback journal, commits are durable only with this setting.
    connection.pragma_update(None, "synchronous", "EXTRA")
}

fn lock(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    // A panic can't leave a half-written row: SQLite rolls back.
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}
