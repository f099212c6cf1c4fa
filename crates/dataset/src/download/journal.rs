use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use picture::ContentHash;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::error::DownloadError;
use super::key::Key;
use super::outcome::{FetchedPicture, KeptFile, Outcome};
use super::reason::Reason;

/// "clsd" in the file's header, which identifies a download journal.
const APPLICATION_ID: i64 = 0x636c_7364;
/// The version of the tables.
const VERSION: i64 = 1;

const TABLES: &str = "
    CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE outcomes (
        key    BLOB PRIMARY KEY,
        reason TEXT,
        status INTEGER,
        time   INTEGER NOT NULL,
        bytes  INTEGER,
        width  INTEGER,
        height INTEGER,
        sha256 BLOB,
        file   TEXT,
        length INTEGER
    ) WITHOUT ROWID;
";

/// The outcome of each URL so far. URLs in it aren't requested again.
///
/// An SQLite file with a row for each URL by its [`Key`]. A committed transaction survives the end of the
/// process at any moment; a power failure may lose the latest.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    connection: Mutex<Connection>,
}

/// The SQL that deletes outcomes that failed for `reason`.
pub(super) fn failed_for(reason: Reason) -> String {
    format!("DELETE FROM outcomes WHERE reason = '{}'", reason.words())
}

/// The SQL that deletes outcomes of pictures that were tested but not stored.
pub(super) const NOT_KEPT: &str = "DELETE FROM outcomes WHERE reason IS NULL AND file IS NULL";

impl Journal {
    pub(super) fn open(path: &Path) -> Result<Self, DownloadError> {
        let journal = Connection::open(path).and_then(|mut connection| {
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "NORMAL")?;
            let transaction = connection.transaction()?;
            let number = |name| transaction.pragma_query_value(None, name, |row| row.get(0));
            let (application, version): (i64, i64) =
                (number("application_id")?, number("user_version")?);
            if (application, version) == (0, 0) {
                transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
                transaction.pragma_update(None, "user_version", VERSION)?;
                transaction.execute_batch(TABLES)?;
                transaction.commit()?;
                return Ok((connection, None));
            }
            drop(transaction);
            Ok((connection, Some((application, version))))
        });
        let (connection, found) = journal.map_err(|source| DownloadError::journal(path, source))?;
        if let Some((application, version)) = found
            && (application, version) != (APPLICATION_ID, VERSION)
        {
            return Err(DownloadError::NotAJournal {
                path: path.to_owned(),
            });
        }
        Ok(Self {
            path: path.to_owned(),
            connection: Mutex::new(connection),
        })
    }

    /// The value of the setting `name`, if any.
    pub(super) fn setting(&self, name: &str) -> Result<Option<String>, DownloadError> {
        self.run(|connection| {
            let sql = "SELECT value FROM settings WHERE name = ?1";
            connection
                .query_row(sql, [name], |row| row.get(0))
                .optional()
        })
    }

    /// Sets `name` to `value`, and runs the statement `forgotten` in the same transaction.
    pub(super) fn set(
        &self,
        name: &str,
        value: &str,
        forgotten: &str,
    ) -> Result<(), DownloadError> {
        self.run(|connection| {
            let transaction = connection.unchecked_transaction()?;
            transaction.execute(
                "INSERT INTO settings VALUES (?1, ?2)
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                [name, value],
            )?;
            transaction.execute(forgotten, [])?;
            transaction.commit()
        })
    }

    pub(super) fn outcome(&self, key: Key) -> Result<Option<Outcome>, DownloadError> {
        self.run(|connection| {
            let sql = "SELECT reason, status, time, bytes, width, height, sha256, file, length
                       FROM outcomes WHERE key = ?1";
            let mut statement = connection.prepare_cached(sql)?;
            statement.query_row([key.0], outcome).optional()
        })
    }

    /// Writes outcomes in one transaction.
    pub(super) fn write(&self, outcomes: &[(Key, Outcome)]) -> Result<(), DownloadError> {
        self.run(|connection| {
            let transaction = connection.unchecked_transaction()?;
            for (key, outcome) in outcomes {
                insert(&transaction, *key, outcome)?;
            }
            transaction.commit()
        })
    }

    /// Deletes the outcomes of failed URLs.
    pub(super) fn forget_failed(&self) -> Result<(), DownloadError> {
        self.run(|connection| {
            connection.execute("DELETE FROM outcomes WHERE reason IS NOT NULL", [])?;
            Ok(())
        })
    }

    /// Deletes all outcomes. Their files stay.
    pub(super) fn forget_all(&self) -> Result<(), DownloadError> {
        self.run(|connection| connection.execute("DELETE FROM outcomes", []).map(drop))
    }

    fn run<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, DownloadError> {
        work(&self.lock()).map_err(|source| DownloadError::journal(&self.path, source))
    }

    /// If a transaction panicked, it was rolled back.
    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn insert(connection: &Connection, key: Key, outcome: &Outcome) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO outcomes VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    let mut statement = connection.prepare_cached(sql)?;
    let since = outcome.time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let time = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
    let picture = outcome.result.as_ref().ok();
    let file = picture.and_then(|it| it.file.as_ref());
    statement.execute(params![
        key.0,
        outcome.result.as_ref().err().map(|reason| reason.words()),
        outcome.status,
        time,
        picture.map(|it| it.bytes.cast_signed()),
        picture.map(|it| it.width),
        picture.map(|it| it.height),
        picture.map(|it| it.sha256.as_bytes()),
        file.map(|it| &it.path),
        file.map(|it| it.length.cast_signed()),
    ])?;
    Ok(())
}

fn outcome(row: &Row<'_>) -> rusqlite::Result<Outcome> {
    let reason: Option<String> = row.get(0)?;
    let result = match reason {
        // An unknown reason of a later version is still a failure.
        Some(words) => Err(Reason::of_words(&words).unwrap_or(Reason::BadRow)),
        None => Ok(picture(row)?),
    };
    let milliseconds: i64 = row.get(2)?;
    Ok(Outcome {
        result,
        status: row.get(1)?,
        time: time_of(milliseconds),
    })
}

fn picture(row: &Row<'_>) -> rusqlite::Result<FetchedPicture> {
    let path: Option<String> = row.get(7)?;
    let length: Option<i64> = row.get(8)?;
    Ok(FetchedPicture {
        bytes: row.get::<_, i64>(3)?.cast_unsigned(),
        width: row.get(4)?,
        height: row.get(5)?,
        sha256: ContentHash::from_bytes(row.get(6)?),
        file: path.zip(length).map(|(path, length)| KeptFile {
            path,
            length: length.cast_unsigned(),
        }),
    })
}

fn time_of(milliseconds: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(milliseconds.cast_unsigned())
}
