//! The database file: opening, schema and version.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

use crate::{Error, Result};

/// `clix` in the file's header, which identifies our databases.
const APPLICATION_ID: i32 = 0x636c_6978;
/// The version of [`SCHEMA`] with [`SETTINGS`] and [`SPARSE`].
const VERSION: i64 = 3;
/// A row with 512 dimensions takes 2,345 bytes at this page size, 4,106 at SQLite's default.
const PAGE_SIZE: i64 = 16_384;
/// How long to wait for another process: longer than any transaction takes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(60);

/// The pause between attempts where SQLite doesn't wait by itself.
const BUSY_PAUSE: Duration = Duration::from_millis(5);

/// How much of the file SQLite may map into memory, in bytes. A search reads a hundred pages or more at random, and mapped
/// pages need no copy. The write-ahead log works only on local file systems, where mappings are coherent.
const MAPPED: i64 = 1 << 30;

/// The size of the write-ahead log at which it's checkpointed, and to which it's truncated after a large
/// write, in bytes. Ids are random, so small writes change all pages of their index again and again. The
/// larger the log, the more changes of a page are checkpointed at once.
const LOG_LIMIT: i64 = 64 << 20;

/// The tables.
///
/// - A vector's *slot* is never reused, and its content never changes: an update takes a new slot. So data
///   derived from a slot stay valid as long as the slot exists.
/// - A namespace's *revision* counts the transactions that changed it. `removals` lists the slots vacated
///   since revision `removals_since`. With the slots above the highest one seen, this is all that a reader
///   needs to follow the changes.
/// - `segment` names the derived files, if any, separated by spaces. The first holds the namespace at
///   `removals_since`; each further one holds the vectors in later slots, at a later revision.
/// - A namespace exists as long as it has vectors.
const SCHEMA: &str = "
CREATE TABLE indexes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    dimension INTEGER NOT NULL,
    metric TEXT NOT NULL
) STRICT;
CREATE TABLE namespaces (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    index_id INTEGER NOT NULL REFERENCES indexes (id),
    name TEXT NOT NULL,
    vector_count INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    removal_count INTEGER NOT NULL,
    removals_since INTEGER NOT NULL,
    segment TEXT,
    UNIQUE (index_id, name)
) STRICT;
CREATE TABLE vectors (
    slot INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace_id INTEGER NOT NULL REFERENCES namespaces (id),
    id TEXT NOT NULL,
    metadata TEXT NOT NULL,
    vector BLOB NOT NULL,
    UNIQUE (namespace_id, id)
) STRICT;
CREATE INDEX vectors_by_slot ON vectors (namespace_id, slot);
CREATE TABLE removals (
    namespace_id INTEGER NOT NULL REFERENCES namespaces (id),
    revision INTEGER NOT NULL,
    slot INTEGER NOT NULL,
    PRIMARY KEY (namespace_id, revision, slot)
) STRICT, WITHOUT ROWID;
";

/// New in version 2: the settings of indexes that have any, as JSON.
const SETTINGS: &str = "
CREATE TABLE settings (
    index_id INTEGER PRIMARY KEY REFERENCES indexes (id) ON DELETE CASCADE,
    value TEXT NOT NULL
) STRICT;
";

/// New in version 3: sparse values, and which vectors have a value at an index.
const SPARSE: &str = "
CREATE TABLE sparse (
    slot INTEGER PRIMARY KEY,
    pairs BLOB NOT NULL
) STRICT;
CREATE TABLE postings (
    namespace_id INTEGER NOT NULL,
    at INTEGER NOT NULL,
    slot INTEGER NOT NULL,
    value REAL NOT NULL,
    PRIMARY KEY (namespace_id, at, slot)
) STRICT, WITHOUT ROWID;
";

/// SQLite's journal mode on this file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Journal {
    /// Readers and the writer don't block each other.
    WriteAhead,
    /// Readers and the writer block each other. The only mode for a file system without shared memory.
    Rollback,
}

impl Journal {
    /// SQLite's setting for durable commits. With a rollback journal, the deletion of the journal must be
    /// durable too.
    fn synchronous(self) -> &'static str {
        match self {
            Self::WriteAhead => "FULL",
            Self::Rollback => "EXTRA",
        }
    }
}

/// How the file can be accessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    ReadWrite,
    /// Read-only, with SQLite's locks.
    ReadOnly,
    /// Read-only, without locks: there's no write-ahead log and none can be created. The file is read as if
    /// it were immutable, and checked afterwards. If it changed meanwhile, the result is discarded.
    Unlocked(Unlocked),
}

/// The state of a file: SQLite changes at least one of these when it writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Unlocked {
    length: u64,
    modified: SystemTime,
}

/// The database file and its idle connections.
#[derive(Debug)]
pub(super) struct Database {
    path: PathBuf,
    journal: Journal,
    access: Access,
    virtual_file_system: Option<&'static str>,
    idle: Mutex<Vec<Connection>>,
    /// The identity of the file when it was opened.
    file: Option<FileId>,
}

/// The identity of a file, on systems where open files can be deleted or moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileId {
    #[cfg(unix)]
    device_and_number: (u64, u64),
}

impl FileId {
    fn of(path: &Path) -> Option<Self> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            let metadata = fs::metadata(path).ok()?;
            let device_and_number = (metadata.dev(), metadata.ino());
            Some(Self { device_and_number })
        }
        #[cfg(not(unix))]
        {
            let _ = path;
            Some(Self {})
        }
    }
}

impl Database {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let opened = Self::open_with(path, None);
        let failed = matches!(opened, Err(Error::Database { .. } | Error::ReadOnly { .. }));
        if failed && path.exists() && is_read_only(path) {
            return Self::open_read_only(path);
        }
        opened
    }

    /// Opens a read-only file.
    fn open_read_only(path: &Path) -> Result<Self> {
        let mut database = Self {
            path: path.to_owned(),
            journal: Journal::WriteAhead,
            access: Access::ReadOnly,
            virtual_file_system: None,
            idle: Mutex::default(),
            file: None,
        };
        let checked = database.with(|connection| database.version(&connection.transaction()?));
        if checked.is_ok() {
            return Ok(database);
        }
        let log = fs::metadata(database.log());
        if log.is_ok_and(|log| log.len() > 0) {
            return Err(Error::UnfinishedChanges {
                path: path.to_owned(),
            });
        }
        database.access = Access::Unlocked(Unlocked::of(path)?);
        database.idle = Mutex::default();
        database.with(|connection| database.version(&connection.transaction()?))?;
        Ok(database)
    }

    /// The path of the write-ahead log.
    fn log(&self) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push("-wal");
        name.into()
    }

    /// Fails if the database is read-only, or if writes to it would be lost.
    pub(super) fn check_writable(&self) -> Result<()> {
        match self.access {
            Access::ReadWrite if self.file != FileId::of(&self.path) => Err(Error::Gone {
                path: self.path.clone(),
            }),
            Access::ReadWrite => Ok(()),
            Access::ReadOnly | Access::Unlocked(_) => Err(Error::ReadOnly {
                path: self.path.clone(),
            }),
        }
    }

    /// Opens the file through one of SQLite's other virtual file systems.
    fn open_with(path: &Path, virtual_file_system: Option<&'static str>) -> Result<Self> {
        let mut database = Self {
            path: path.to_owned(),
            journal: Journal::WriteAhead,
            access: Access::ReadWrite,
            virtual_file_system,
            idle: Mutex::default(),
            file: None,
        };
        let mut prepared = database.prepare_patiently();
        if prepared.as_ref().is_err_and(is_refused_write_ahead_log) {
            database.journal = Journal::Rollback;
            prepared = database.prepare_patiently();
        }
        let connection = prepared.map_err(|error| match error {
            Error::Database { source } if is_no_database(&source) => Error::ForeignFile {
                path: path.to_owned(),
            },
            error => error,
        })?;
        database.put_back(connection);
        database.file = FileId::of(path);
        Ok(database)
    }

    /// Whether only the slower journal works here.
    pub(super) fn waits_for_others(&self) -> bool {
        self.journal == Journal::Rollback
    }

    /// Runs `work` on one snapshot of the database.
    pub(super) fn read<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        self.with(|connection| work(&connection.transaction()?))
    }

    /// Runs `work` as one transaction. It is durable if this returns `Ok`, and rolled back if this returns
    /// `Err`.
    pub(super) fn write<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        self.check_writable()?;
        self.with(|connection| {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let result = work(&transaction)?;
            transaction.commit()?;
            Ok(result)
        })
    }

    /// Runs `work` with a connection.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Connection) -> Result<T>) -> Result<T> {
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => self.connect()?,
        };
        let result = work(&mut connection).map_err(|error| self.explained(error));
        if let Access::Unlocked(before) = self.access
            && (self.log().exists() || Unlocked::of(&self.path)? != before)
        {
            return Err(Error::ChangedMeanwhile {
                path: self.path.clone(),
            });
        }
        if connection.is_autocommit() {
            self.put_back(connection);
        }
        result
    }

    /// Translates SQLite's error into this engine's.
    fn explained(&self, error: Error) -> Error {
        let Error::Database { source } = error else {
            return error;
        };
        let path = self.path.clone();
        match source.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Error::DiskFull {
                path,
                source: source.into(),
            },
            Some(ErrorCode::ReadOnly) => Error::ReadOnly { path },
            _ => Error::Database { source },
        }
    }

    /// Whether a transaction could begin at once: nobody holds the lock, and the disk is writable.
    pub(super) fn is_free(&self) -> bool {
        if self.check_writable().is_err() {
            return false;
        }
        let begun = self.with(|connection| {
            connection.busy_timeout(Duration::ZERO)?;
            let begun = connection
                .transaction_with_behavior(TransactionBehavior::Immediate)
                .is_ok();
            connection.busy_timeout(BUSY_TIMEOUT)?;
            Ok(begun)
        });
        begun.unwrap_or(false)
    }

    fn put_back(&self, connection: Connection) {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(connection);
    }

    fn connect(&self) -> Result<Connection> {
        let connection = self.open_file()?;
        connection.set_prepared_statement_cache_capacity(64);
        if self.access != Access::ReadWrite {
            return Ok(connection);
        }
        connection.pragma_update(None, "synchronous", self.journal.synchronous())?;
        connection.pragma_update(None, "journal_size_limit", LOG_LIMIT)?;
        connection.pragma_update(None, "wal_autocheckpoint", LOG_LIMIT / PAGE_SIZE)?;
        connection.pragma_update(None, "foreign_keys", true)?;
        if self.journal == Journal::WriteAhead {
            connection.pragma_update(None, "mmap_size", MAPPED)?;
        }
        Ok(connection)
    }

    fn open_file(&self) -> Result<Connection> {
        let read_write = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let (path, flags) = match self.access {
            Access::ReadWrite => (self.path.clone(), read_write),
            Access::ReadOnly => (self.path.clone(), OpenFlags::SQLITE_OPEN_READ_ONLY),
            Access::Unlocked(_) => (
                immutable(&self.path),
                OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI,
            ),
        };
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = match self.virtual_file_system {
            None => Connection::open_with_flags(path, flags)?,
            Some(name) => Connection::open_with_flags_and_vfs(path, flags, name)?,
        };
        connection.busy_timeout(BUSY_TIMEOUT)?;
        Ok(connection)
    }

    /// Like [`prepare`](Self::prepare), but waits for other processes that do the same. SQLite itself doesn't
    /// wait for the lock that switching to the write-ahead log needs.
    fn prepare_patiently(&mut self) -> Result<Connection> {
        let start = Instant::now();
        loop {
            match self.prepare() {
                Err(Error::Busy { .. }) if start.elapsed() < BUSY_TIMEOUT => {
                    std::thread::sleep(BUSY_PAUSE);
                }
                prepared => return prepared,
            }
        }
    }

    /// Checks that the file is ours, migrates it to this version, and sets the best possible journal mode.
    fn prepare(&mut self) -> Result<Connection> {
        if self.journal == Journal::Rollback {
            leave_write_ahead_log(&self.open_file()?)?;
        }
        let mut connection = self.connect()?;
        if connection.is_readonly("main")? {
            return Err(Error::ReadOnly {
                path: self.path.clone(),
            });
        }
        let version = self.version(&connection.transaction()?)?;
        let fresh = version == 0;
        if fresh {
            connection.pragma_update(None, "page_size", PAGE_SIZE)?;
        }
        if self.journal == Journal::WriteAhead && !enter_write_ahead_log(&connection)? {
            self.journal = Journal::Rollback;
        }
        if version < VERSION {
            self.bring_schema_up(&mut connection)?;
        }
        Ok(connection)
    }

    /// Creates what the schema lacks.
    fn bring_schema_up(&self, connection: &mut Connection) -> Result<()> {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Another process may have migrated it first.
        let version = self.version(&transaction)?;
        if version < 1 {
            transaction.execute_batch(SCHEMA)?;
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        }
        if version < 2 {
            transaction.execute_batch(SETTINGS)?;
        }
        if version < 3 {
            transaction.execute_batch(SPARSE)?;
            transaction.pragma_update(None, "user_version", VERSION)?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// The version of the schema, 0 for none; an error if the file isn't ours or is too new. Needs a
    /// transaction, as another process may be writing the schema.
    fn version(&self, connection: &Transaction<'_>) -> Result<i64> {
        let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        let (application_id, version) = (pragma("application_id")?, pragma("user_version")?);
        let tables: i64 =
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        if application_id == 0 && version == 0 && tables == 0 {
            return Ok(0);
        }
        if application_id != i64::from(APPLICATION_ID) {
            return Err(Error::ForeignFile {
                path: self.path.clone(),
            });
        }
        if version > VERSION {
            let (path, got, supported) = (self.path.clone(), version, VERSION);
            return Err(Error::NewerVersion {
                path,
                got,
                supported,
            });
        }
        Ok(version)
    }
}

impl Unlocked {
    fn of(path: &Path) -> Result<Self> {
        let look = || {
            let metadata = fs::metadata(path)?;
            let (length, modified) = (metadata.len(), metadata.modified()?);
            Ok(Self { length, modified })
        };
        look().map_err(|source| Error::Io {
            path: path.to_owned(),
            source,
        })
    }
}

/// Whether the file and its directory are read-only.
fn is_read_only(path: &Path) -> bool {
    let is_refused = |error: io::Error| {
        use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
        matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem)
    };
    let file = OpenOptions::new().write(true).open(path);
    let beside = path.with_extension(format!("probe-{}", std::process::id()));
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&beside);
    if made.is_ok() {
        let _ = fs::remove_file(&beside);
    }
    file.is_err_and(is_refused) || made.is_err_and(is_refused)
}

/// The URI by which SQLite treats a file as immutable.
fn immutable(path: &Path) -> PathBuf {
    let mut address = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' => {
                address.push(char::from(*byte));
            }
            byte => address.push_str(&format!("%{byte:02X}")),
        }
    }
    address.push_str("?immutable=1");
    address.into()
}

/// Switches to the write-ahead log, if the virtual file system claims to support it.
fn enter_write_ahead_log(connection: &Connection) -> Result<bool> {
    // If it's already in use, switching to it would wait for others.
    let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    if mode == "wal" {
        return Ok(true);
    }
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    Ok(mode == "wal")
}

/// Switches away from the write-ahead log where shared memory is unavailable: a connection with exclusive
/// access needs none.
fn leave_write_ahead_log(connection: &Connection) -> Result<()> {
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    connection.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))?;
    Ok(())
}

fn is_no_database(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::NotADatabase)
}

/// Whether SQLite failed because memory can't be shared or locked between processes.
fn is_refused_write_ahead_log(error: &Error) -> bool {
    use rusqlite::ffi;
    let Error::Database { source } = error else {
        return false;
    };
    let Some(code) = source.sqlite_error().map(|error| error.extended_code) else {
        return false;
    };
    matches!(
        code,
        ffi::SQLITE_PROTOCOL
            | ffi::SQLITE_CANTOPEN
            | ffi::SQLITE_IOERR_SHMMAP
            | ffi::SQLITE_IOERR_SHMLOCK
            | ffi::SQLITE_IOERR_SHMOPEN
            | ffi::SQLITE_IOERR_SHMSIZE
            | ffi::SQLITE_IOERR_LOCK
    )
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    /// A virtual file system without shared memory, like a network file system.
    const WITHOUT_SHARED_MEMORY: Option<&str> = Some("unix-dotfile");

    fn write(database: &Database) -> Result<()> {
        database.with(|connection| {
            connection.execute(
                "INSERT INTO indexes (name, dimension, metric) VALUES (hex(randomblob(9)), 1, 'cosine')",
                [],
            )?;
            Ok(())
        })
    }

    fn count(database: &Database) -> Result<i64> {
        database.with(|connection| {
            Ok(connection.query_row("SELECT count(*) FROM indexes", [], |row| row.get(0))?)
        })
    }

    #[test]
    fn works_without_shared_memory() -> Result<()> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("database");
        let one = Database::open_with(&path, WITHOUT_SHARED_MEMORY)?;
        let other = Database::open_with(&path, WITHOUT_SHARED_MEMORY)?;
        assert!(one.waits_for_others() && other.waits_for_others());
        write(&one)?;
        write(&other)?;
        assert_eq!((count(&one)?, count(&other)?), (2, 2));
        Ok(())
    }

    #[test]
    fn leaves_a_write_ahead_log_that_it_cannot_use() -> Result<()> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("database");
        let local = Database::open(&path)?;
        assert!(!local.waits_for_others());
        write(&local)?;
        drop(local);
        let remote = Database::open_with(&path, WITHOUT_SHARED_MEMORY)?;
        assert!(remote.waits_for_others());
        write(&remote)?;
        assert_eq!(count(&remote)?, 2);
        Ok(())
    }

    #[test]
    fn uses_large_pages_and_waits_for_the_disk() -> Result<()> {
        let directory = tempfile::tempdir().unwrap();
        let database = Database::open(&directory.path().join("database"))?;
        database.with(|connection| {
            let pragma = |name| connection.pragma_query_value(None, name, |row| row.get(0));
            assert_eq!(
                (pragma("page_size")?, pragma("synchronous")?),
                (PAGE_SIZE, 2)
            );
            Ok(())
        })
    }
}
