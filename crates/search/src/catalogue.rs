//! The catalogue: which collections there are and which pictures they hold.
//!
//! One SQLite file. Vectors live in the engine; a record is written here after its vectors are
//! there, so that whatever the catalogue names can be found.

mod collections;
mod counters;
mod records;
mod schema;
mod turn;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::Connection;

pub(crate) use self::collections::{CollectionKey, CollectionRow};
pub(crate) use self::turn::Turn;
use crate::error::{Error, Result};

/// The directory of a store that has what was fetched.
pub(crate) const DOWNLOADS: &str = "downloads";

/// How long to wait for another process that is writing.
const PATIENCE: Duration = Duration::from_secs(30);

/// How much SQLite may keep of the file for the connection that writes, in KiB: the pages that a group of batches
/// changes. If it had to write some before the end of the transaction, nobody could read from then on.
const CACHE: i64 = 32 << 10;

#[derive(Debug)]
pub(crate) struct Catalogue {
    path: PathBuf,
    /// The store's directory.
    home: PathBuf,
    /// What writes; `reading` need not wait for it.
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

    /// Where a file is that was written down as `file`. What was fetched lies in the store, which may have been moved
    /// or copied since.
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

    /// Waits for the turn to change the collection of that name; `None` if `stop` came first.
    pub(crate) fn turn(
        &self,
        name: &str,
        stop: &AtomicBool,
        waiting: &(dyn Fn() + Sync),
    ) -> Result<Option<Turn>> {
        let file = self.path.with_file_name(format!("{name}.adding"));
        Turn::take(&file, stop, waiting)
    }

    /// What SQLite finds wrong with the database file, a line each; nothing if it is sound.
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

    /// A number that changes with each commit of another connection than the one that reads, which never commits.
    pub(crate) fn state(&self) -> Result<i64> {
        self.read(|connection| {
            connection.pragma_query_value(None, "data_version", |row| row.get(0))
        })
    }

    /// Runs `work`, which only reads, while another thread may be preparing a transaction.
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

/// Sets up the connection that writes.
fn set_up(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "foreign_keys", true)?;
    // What a rollback journal needs for a commit to be on the disk.
    connection.pragma_update(None, "synchronous", "EXTRA")?;
    connection.pragma_update(None, "cache_size", -CACHE)
}

fn lock(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    // A panic while the lock was held cannot leave a half-written row: SQLite rolls back.
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}
