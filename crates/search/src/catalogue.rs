//! The catalogue: which collections there are and which pictures they hold.
//!
//! One SQLite file. Vectors live in the engine; a record is written here after its vectors are
//! there, so that whatever the catalogue names can be found.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use index::EngineKind;
use rusqlite::{
    Connection, OptionalExtension, Params, Row, Transaction, TransactionBehavior, params,
};

use crate::collection::{ModelIdentity, TextIdentity};
use crate::error::{Error, Result};
use crate::keywords;
use crate::record::Record;
use crate::stamp::FileStamp;
use crate::turn::Turn;

/// The directory of a store that has what was fetched.
pub(crate) const DOWNLOADS: &str = "downloads";

/// "clsk", in the file's header: says whose database this is.
const APPLICATION_ID: i64 = 0x636c_736b;

/// The version of the tables below. Version 1 had no columns for a text model; version 2 no keywords,
/// and none for what a file is known by and says of itself; those of version 3 took time for each record
/// that there was; version 4 had no pictures of URLs; version 5 no engines.
const VERSION: i64 = 6;

const TABLES: &str = "
    CREATE TABLE collections (
        id          INTEGER PRIMARY KEY,
        name        TEXT NOT NULL UNIQUE,
        model       TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        precision   TEXT NOT NULL,
        dimension   INTEGER NOT NULL,
        text_model  TEXT,
        text_fingerprint TEXT,
        engine      TEXT NOT NULL DEFAULT 'embedded'
    );
    CREATE TABLE records (
        collection  INTEGER NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
        id          TEXT NOT NULL,
        place       TEXT NOT NULL,
        hash        TEXT NOT NULL,
        width       INTEGER NOT NULL,
        height      INTEGER NOT NULL,
        captions    TEXT NOT NULL,
        metadata    TEXT NOT NULL,
        bytes       INTEGER NOT NULL DEFAULT 0,
        modified    INTEGER,
        facts       TEXT NOT NULL DEFAULT '{}',
        missing     INTEGER NOT NULL DEFAULT 0,
        file        TEXT,
        PRIMARY KEY (collection, id),
        UNIQUE (collection, place)
    ) WITHOUT ROWID;
    CREATE INDEX records_by_hash ON records (collection, hash);
    CREATE TABLE unfinished (
        collection  INTEGER NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
        id          TEXT NOT NULL,
        PRIMARY KEY (collection, id)
    ) WITHOUT ROWID;
";

/// What turns the tables of each version into those of the next.
const UPDATES: [&str; VERSION as usize - 1] = [
    "
    ALTER TABLE collections ADD COLUMN text_model TEXT;
    ALTER TABLE collections ADD COLUMN text_fingerprint TEXT;
    ",
    "
    ALTER TABLE records ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE records ADD COLUMN modified INTEGER;
    ALTER TABLE records ADD COLUMN facts TEXT NOT NULL DEFAULT '{}';
    ALTER TABLE records ADD COLUMN missing INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE unfinished (
        collection  INTEGER NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
        id          TEXT NOT NULL,
        PRIMARY KEY (collection, id)
    ) WITHOUT ROWID;
    ",
    "
    DROP TRIGGER IF EXISTS keywords_before_insertion;
    ",
    "
    ALTER TABLE records ADD COLUMN file TEXT;
    ",
    "
    ALTER TABLE collections ADD COLUMN engine TEXT NOT NULL DEFAULT 'embedded';
    ",
];

const COLLECTION: &str = "id, name, model, fingerprint, precision, dimension,
    (SELECT count(*) FROM records WHERE collection = collections.id),
    text_model, text_fingerprint,
    (SELECT count(*) FROM records WHERE collection = collections.id AND missing), engine";

const RECORD: &str =
    "id, place, hash, width, height, captions, metadata, bytes, modified, facts, missing, file";

/// How long to wait for another process that is writing.
const PATIENCE: Duration = Duration::from_secs(30);

/// The row number of a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CollectionKey(i64);

/// A collection's row.
#[derive(Clone, Debug)]
pub(crate) struct CollectionRow {
    pub(crate) key: CollectionKey,
    pub(crate) name: String,
    pub(crate) engine: EngineKind,
    pub(crate) model: ModelIdentity,
    /// Those whose files are there.
    pub(crate) pictures: u64,
    pub(crate) missing: u64,
}

#[derive(Debug)]
pub(crate) struct Catalogue {
    path: PathBuf,
    /// The store's directory.
    home: PathBuf,
    connection: Mutex<Connection>,
}

impl Catalogue {
    pub(crate) fn open(path: &Path) -> Result<Catalogue> {
        let at = |source| Error::Catalogue {
            path: path.to_owned(),
            source,
        };
        let mut connection = Connection::open(path).map_err(at)?;
        connection.busy_timeout(PATIENCE).map_err(at)?;
        connection
            .pragma_update(None, "foreign_keys", true)
            .map_err(at)?;
        // What a rollback journal needs for a commit to be on the disk.
        connection
            .pragma_update(None, "synchronous", "EXTRA")
            .map_err(at)?;
        let state = connection
            .transaction()
            .and_then(|transaction| State::read(&transaction))
            .map_err(at)?;
        state.check(path)?;
        if state.is_empty() {
            create_tables(&mut connection).map_err(at)?;
        } else if state.version < VERSION {
            update_tables(&mut connection).map_err(at)?;
        }
        Ok(Catalogue {
            path: path.to_owned(),
            home: std::path::absolute(path.parent().unwrap_or(path)).unwrap_or_default(),
            connection: Mutex::new(connection),
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
        waiting: fn(),
    ) -> Result<Option<Turn>> {
        let file = self.path.with_file_name(format!("{name}.adding"));
        Turn::take(&file, stop, waiting)
    }

    /// What SQLite finds wrong with the database file, a line each; nothing if it is sound.
    pub(crate) fn check(&self) -> Result<Vec<String>> {
        let mut lines: Vec<String> = self.run(|connection| {
            connection
                .prepare("PRAGMA quick_check")?
                .query_map([], |row| row.get(0))?
                .collect()
        })?;
        lines.retain(|line| line != "ok");
        Ok(lines)
    }

    /// All collections, by name.
    pub(crate) fn collections(&self) -> Result<Vec<CollectionRow>> {
        self.run(|connection| {
            connection
                .prepare(&format!(
                    "SELECT {COLLECTION} FROM collections ORDER BY name"
                ))?
                .query_map([], collection_row)?
                .collect()
        })
    }

    pub(crate) fn collection(&self, name: &str) -> Result<Option<CollectionRow>> {
        self.run(|connection| {
            connection
                .prepare(&format!(
                    "SELECT {COLLECTION} FROM collections WHERE name = ?1"
                ))?
                .query_row([name], collection_row)
                .optional()
        })
    }

    /// How many pictures a collection has that are not missing, and how many captions these have.
    pub(crate) fn size(&self, key: CollectionKey) -> Result<(u64, u64)> {
        self.run(|connection| {
            connection.query_row(
                "SELECT count(*), coalesce(sum(json_array_length(captions)), 0)
                 FROM records WHERE collection = ?1 AND NOT missing",
                [key.0],
                |row| Ok((row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64)),
            )
        })
    }

    /// Writes a new collection; `false` if its name is taken.
    pub(crate) fn create_collection(
        &self,
        name: &str,
        model: &ModelIdentity,
        engine: EngineKind,
    ) -> Result<bool> {
        self.run(|connection| {
            let rows = connection.execute(
                "INSERT INTO collections
                     (name, model, fingerprint, precision, dimension, text_model, text_fingerprint,
                      engine)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (name) DO NOTHING",
                params![
                    name,
                    model.reference,
                    model.fingerprint,
                    model.precision,
                    model.dimension as i64,
                    model.text.as_ref().map(|text| &text.reference),
                    model.text.as_ref().map(|text| &text.fingerprint),
                    engine.name(),
                ],
            )?;
            Ok(rows == 1)
        })
    }

    /// Writes what leads to a collection's models.
    pub(crate) fn set_references(&self, key: CollectionKey, model: &ModelIdentity) -> Result<()> {
        self.run(|connection| {
            connection.execute(
                "UPDATE collections SET model = ?2, text_model = coalesce(?3, text_model) WHERE id = ?1",
                params![
                    key.0,
                    model.reference,
                    model.text.as_ref().map(|text| &text.reference)
                ],
            )?;
            Ok(())
        })
    }

    /// Writes which model embeds a collection's captions, `None` being that of its pictures; `false` if it has
    /// captions, which are of the one it had, or is just being given some.
    pub(crate) fn set_text_model(
        &self,
        key: CollectionKey,
        text: Option<&TextIdentity>,
    ) -> Result<bool> {
        self.run(|connection| {
            let rows = connection.execute(
                "UPDATE collections SET text_model = ?2, text_fingerprint = ?3
                 WHERE id = ?1 AND NOT EXISTS
                     (SELECT 1 FROM records WHERE collection = ?1 AND json_array_length(captions) > 0)
                 AND NOT EXISTS (SELECT 1 FROM unfinished WHERE collection = ?1)",
                params![
                    key.0,
                    text.map(|text| &text.reference),
                    text.map(|text| &text.fingerprint),
                ],
            )?;
            Ok(rows == 1)
        })
    }

    pub(crate) fn delete_collection(&self, key: CollectionKey) -> Result<()> {
        self.run(|connection| {
            connection
                .execute("DELETE FROM collections WHERE id = ?1", [key.0])
                .map(drop)
        })
    }

    pub(crate) fn record(&self, key: CollectionKey, id: &str) -> Result<Option<Record>> {
        self.one_record(key, "id", id)
    }

    pub(crate) fn record_at(&self, key: CollectionKey, place: &str) -> Result<Option<Record>> {
        self.one_record(key, "place", place)
    }

    fn one_record(&self, key: CollectionKey, column: &str, value: &str) -> Result<Option<Record>> {
        let records = self.select(&format!("{column} = ?2"), params![key.0, value])?;
        Ok(records.into_iter().next())
    }

    /// The records of a collection, which is the first of the parameters, that fulfil a condition.
    fn select(&self, condition: &str, parameters: impl Params) -> Result<Vec<Record>> {
        self.select_from("records", condition, parameters)
    }

    fn select_from(
        &self,
        table: &str,
        condition: &str,
        parameters: impl Params,
    ) -> Result<Vec<Record>> {
        let rows: Vec<RawRecord> = self.run(|connection| {
            connection
                .prepare_cached(&format!(
                    "SELECT {RECORD} FROM {table} WHERE collection = ?1 AND {condition}"
                ))?
                .query_map(parameters, RawRecord::read)?
                .collect()
        })?;
        let records = rows.into_iter().map(|row| {
            let mut record = row.parse()?;
            record.file = record.file.map(|file| self.found(file));
            Ok(record)
        });
        records.collect()
    }

    /// The ids of the records whose file has the given content.
    pub(crate) fn ids_with_hash(&self, key: CollectionKey, hash: &str) -> Result<Vec<String>> {
        self.run(|connection| {
            connection
                .prepare_cached("SELECT id FROM records WHERE collection = ?1 AND hash = ?2")?
                .query_map(params![key.0, hash], |row| row.get(0))?
                .collect()
        })
    }

    /// The records whose file has the given content.
    pub(crate) fn records_with_hash(&self, key: CollectionKey, hash: &str) -> Result<Vec<Record>> {
        // Left to itself, SQLite reads all the collection's records for this.
        self.select_from(
            "records INDEXED BY records_by_hash",
            "hash = ?2",
            params![key.0, hash],
        )
    }

    /// Up to `limit` records whose places begin with `start`, in the order of their places, beginning
    /// after `after`.
    pub(crate) fn records_below(
        &self,
        key: CollectionKey,
        start: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<Record>> {
        let mut records = self.select(
            "place > ?2 AND place >= ?3 ORDER BY place LIMIT ?4",
            params![key.0, after, start, limit as i64],
        )?;
        let end = records
            .iter()
            .position(|record| !record.place.starts_with(start));
        records.truncate(end.unwrap_or(records.len()));
        Ok(records)
    }

    /// Remembers the ids of records that are about to change, until
    /// [`replace_records`](Catalogue::replace_records) says that they have.
    pub(crate) fn announce<'a>(
        &self,
        key: CollectionKey,
        ids: impl IntoIterator<Item = &'a str>,
    ) -> Result<()> {
        self.run(|connection| {
            let transaction = connection.transaction()?;
            for id in ids {
                transaction
                    .prepare_cached("INSERT OR IGNORE INTO unfinished VALUES (?1, ?2)")?
                    .execute(params![key.0, id])?;
            }
            transaction.commit()
        })
    }

    /// The ids that were announced and whose change was interrupted.
    pub(crate) fn unfinished(&self, key: CollectionKey) -> Result<Vec<String>> {
        self.run(|connection| {
            connection
                .prepare("SELECT id FROM unfinished WHERE collection = ?1")?
                .query_map([key.0], |row| row.get(0))?
                .collect()
        })
    }

    /// Up to `limit` records in the order of their ids, beginning after `after`.
    pub(crate) fn records(
        &self,
        key: CollectionKey,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Record>> {
        self.select(
            "id > ?2 ORDER BY id LIMIT ?3",
            params![key.0, after.unwrap_or_default(), limit as i64],
        )
    }

    /// Takes `gone` out and writes `records`, in one transaction: nothing is unfinished after it.
    pub(crate) fn replace_records(
        &self,
        key: CollectionKey,
        gone: &[String],
        records: &[Record],
    ) -> Result<()> {
        let records: Vec<RawRecord> = records
            .iter()
            .map(RawRecord::serialise)
            .collect::<Result<_>>()?;
        self.run(|connection| {
            let transaction = connection.transaction()?;
            for id in gone {
                transaction
                    .prepare_cached("DELETE FROM records WHERE collection = ?1 AND id = ?2")?
                    .execute(params![key.0, id])?;
            }
            for record in &records {
                transaction
                    .prepare_cached(&format!(
                        "INSERT OR REPLACE INTO records (collection, {RECORD})
                         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)"
                    ))?
                    .execute(params![
                        key.0,
                        record.id,
                        record.place,
                        record.hash,
                        record.width,
                        record.height,
                        record.captions,
                        record.metadata,
                        record.bytes as i64,
                        record.modified,
                        record.facts,
                        record.missing,
                        record.file
                    ])?;
            }
            transaction.execute("DELETE FROM unfinished WHERE collection = ?1", [key.0])?;
            transaction.commit()
        })
    }

    /// The ids of the records that an expression of FTS5 matches, best first.
    pub(crate) fn ids_with_keywords(
        &self,
        key: CollectionKey,
        expression: &str,
    ) -> Result<Vec<String>> {
        self.run(|connection| {
            connection
                .prepare_cached(keywords::MATCHES)?
                .query_map(params![key.0, expression], |row| row.get(0))?
                .collect()
        })
    }

    fn run<T>(&self, work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>) -> Result<T> {
        work(&mut self.lock()).map_err(|source| Error::Catalogue {
            path: self.path.clone(),
            source,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A panic while the lock was held cannot leave a half-written row: SQLite rolls back.
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a database file says of itself.
struct State {
    application: i64,
    version: i64,
    tables: i64,
}

impl State {
    /// In a transaction, as another process may be making the tables just now.
    fn read(connection: &Transaction<'_>) -> rusqlite::Result<State> {
        let number = |query| connection.query_row(query, [], |row| row.get(0));
        Ok(State {
            application: number("PRAGMA application_id")?,
            version: number("PRAGMA user_version")?,
            tables: number("SELECT count(*) FROM sqlite_schema")?,
        })
    }

    fn is_empty(&self) -> bool {
        self.tables == 0
    }

    /// Refuses a file that is not ours, or newer than this program.
    fn check(&self, path: &Path) -> Result<()> {
        let path = path.to_owned();
        if !self.is_empty() && self.application != APPLICATION_ID {
            return Err(Error::NotACatalogue { path });
        }
        if self.version > VERSION {
            let (found, supported) = (self.version, VERSION);
            return Err(Error::NewerCatalogue {
                path,
                found,
                supported,
            });
        }
        Ok(())
    }
}

fn create_tables(connection: &mut Connection) -> rusqlite::Result<()> {
    // Immediate: of two processes that open a new store at once, one makes the tables.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if State::read(&transaction)?.is_empty() {
        transaction.execute_batch(TABLES)?;
        transaction.execute_batch(keywords::TABLES)?;
        transaction.execute_batch(keywords::BEFORE_INSERTION)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
    }
    transaction.commit()
}

/// Brings the tables of an earlier version up to this one. Its programs refuse the file from then on.
fn update_tables(connection: &mut Connection) -> rusqlite::Result<()> {
    // Immediate, and looked at once more: another process may have done it just now.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version = State::read(&transaction)?.version.clamp(1, VERSION);
    for update in &UPDATES[version as usize - 1..] {
        transaction.execute_batch(update)?;
    }
    if version < 3 {
        transaction.execute_batch(keywords::TABLES)?;
        transaction.execute_batch(keywords::FILL)?;
    }
    if version < 4 {
        transaction.execute_batch(keywords::BEFORE_INSERTION)?;
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}

fn collection_row(row: &Row<'_>) -> rusqlite::Result<CollectionRow> {
    let text: (Option<String>, Option<String>) = (row.get(7)?, row.get(8)?);
    let (all, missing) = (row.get::<_, i64>(6)? as u64, row.get::<_, i64>(9)? as u64);
    Ok(CollectionRow {
        key: CollectionKey(row.get(0)?),
        name: row.get(1)?,
        engine: engine_named(&row.get::<_, String>(10)?)?,
        model: ModelIdentity {
            reference: row.get(2)?,
            fingerprint: row.get(3)?,
            precision: row.get(4)?,
            dimension: row.get::<_, i64>(5)? as usize,
            text: text
                .0
                .zip(text.1)
                .map(|(reference, fingerprint)| TextIdentity {
                    reference,
                    fingerprint,
                }),
        },
        pictures: all - missing,
        missing,
    })
}

/// The engine of that name, which a later version may have.
fn engine_named(name: &str) -> rusqlite::Result<EngineKind> {
    let failed = |error: index::Error| {
        rusqlite::Error::FromSqlConversionFailure(10, rusqlite::types::Type::Text, Box::new(error))
    };
    name.parse().map_err(failed)
}

/// A record as its row has it: lists and objects as JSON text.
struct RawRecord {
    id: String,
    place: String,
    hash: String,
    width: u32,
    height: u32,
    captions: String,
    metadata: String,
    bytes: u64,
    modified: Option<i64>,
    facts: String,
    missing: bool,
    file: Option<String>,
}

impl RawRecord {
    fn read(row: &Row<'_>) -> rusqlite::Result<RawRecord> {
        Ok(RawRecord {
            id: row.get(0)?,
            place: row.get(1)?,
            hash: row.get(2)?,
            width: row.get(3)?,
            height: row.get(4)?,
            captions: row.get(5)?,
            metadata: row.get(6)?,
            bytes: row.get::<_, i64>(7)? as u64,
            modified: row.get(8)?,
            facts: row.get(9)?,
            missing: row.get(10)?,
            file: row.get(11)?,
        })
    }

    fn parse(self) -> Result<Record> {
        let damaged = |source| Error::DamagedRecord {
            id: self.id.clone(),
            source,
        };
        Ok(Record {
            captions: serde_json::from_str(&self.captions).map_err(damaged)?,
            metadata: serde_json::from_str(&self.metadata).map_err(damaged)?,
            facts: serde_json::from_str(&self.facts).map_err(damaged)?,
            id: self.id,
            place: self.place,
            hash: self.hash,
            stamp: FileStamp {
                bytes: self.bytes,
                modified: self.modified,
            },
            width: self.width,
            height: self.height,
            missing: self.missing,
            file: self.file,
        })
    }

    fn serialise(record: &Record) -> Result<RawRecord> {
        let damaged = |source| Error::DamagedRecord {
            id: record.id.clone(),
            source,
        };
        Ok(RawRecord {
            id: record.id.clone(),
            place: record.place.clone(),
            hash: record.hash.clone(),
            width: record.width,
            height: record.height,
            captions: serde_json::to_string(&record.captions).map_err(damaged)?,
            metadata: serde_json::to_string(&record.metadata).map_err(damaged)?,
            bytes: record.stamp.bytes,
            modified: record.stamp.modified,
            facts: serde_json::to_string(&record.facts).map_err(damaged)?,
            missing: record.missing,
            file: record.file.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tables of a catalogue of version 1, with a collection and a picture.
    const VERSION_1: &str = "
        CREATE TABLE collections (
            id          INTEGER PRIMARY KEY,
            name        TEXT NOT NULL UNIQUE,
            model       TEXT NOT NULL,
            fingerprint TEXT NOT NULL,
            precision   TEXT NOT NULL,
            dimension   INTEGER NOT NULL
        );
        CREATE TABLE records (
            collection  INTEGER NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
            id          TEXT NOT NULL,
            place       TEXT NOT NULL,
            hash        TEXT NOT NULL,
            width       INTEGER NOT NULL,
            height      INTEGER NOT NULL,
            captions    TEXT NOT NULL,
            metadata    TEXT NOT NULL,
            PRIMARY KEY (collection, id),
            UNIQUE (collection, place)
        ) WITHOUT ROWID;
        CREATE INDEX records_by_hash ON records (collection, hash);
        INSERT INTO collections VALUES (7, 'birds', 'mini', 'abc', 'f32', 256);
        INSERT INTO records VALUES (7, 'wren', '/wren.jpg', '12', 3, 4, '[\"a wren\"]', '{}');
        PRAGMA application_id = 1668051819;
        PRAGMA user_version = 1;
    ";

    #[test]
    fn an_earlier_catalogue_is_brought_up() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("catalogue.sqlite");
        let old = Connection::open(&path).unwrap();
        old.execute_batch(VERSION_1).unwrap();
        drop(old);
        // Twice: the second time there is nothing to do.
        for _ in 0..2 {
            let catalogue = Catalogue::open(&path).unwrap();
            let row = catalogue.collection("birds").unwrap().unwrap();
            assert_eq!((row.model.text, row.pictures), (None, 1));
            assert_eq!(row.model.reference, "mini");
            let record = catalogue.record(row.key, "wren").unwrap().unwrap();
            assert_eq!(record.captions, ["a wren"]);
        }
        let version: i64 = Connection::open(&path)
            .and_then(|connection| {
                connection.query_row("PRAGMA user_version", [], |row| row.get(0))
            })
            .unwrap();
        assert_eq!(version, VERSION);
    }

    #[test]
    fn what_keeps_up_the_keywords_of_version_3_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("catalogue.sqlite");
        Catalogue::open(&path).unwrap();
        let connection = Connection::open(&path).unwrap();
        let version_3 = "
            DROP TRIGGER keywords_before_insertion;
            CREATE TRIGGER keywords_before_insertion BEFORE INSERT ON records BEGIN SELECT 3; END;
            ALTER TABLE records DROP COLUMN file;
            ALTER TABLE collections DROP COLUMN engine;
            PRAGMA user_version = 3;
        ";
        connection.execute_batch(version_3).unwrap();
        Catalogue::open(&path).unwrap();
        let query = "SELECT sql FROM sqlite_schema WHERE name = 'keywords_before_insertion'";
        let sql: String = connection.query_row(query, [], |row| row.get(0)).unwrap();
        assert!(sql.contains("DELETE FROM keywords"), "{sql}");
    }

    #[test]
    fn two_that_open_an_earlier_catalogue_at_once_both_can() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("catalogue.sqlite");
        Connection::open(&path)
            .unwrap()
            .execute_batch(VERSION_1)
            .unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| Catalogue::open(&path).unwrap());
            }
        });
    }

    #[test]
    fn a_text_model_is_changed_only_where_there_are_no_captions() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("catalogue.sqlite");
        Connection::open(&path)
            .unwrap()
            .execute_batch(VERSION_1)
            .unwrap();
        let catalogue = Catalogue::open(&path).unwrap();
        let text = TextIdentity {
            reference: "many".to_owned(),
            fingerprint: "def".to_owned(),
        };
        let birds = catalogue.collection("birds").unwrap().unwrap();
        assert!(!catalogue.set_text_model(birds.key, Some(&text)).unwrap());
        let model = ModelIdentity {
            text: Some(text.clone()),
            ..birds.model
        };
        assert!(
            catalogue
                .create_collection("trees", &model, EngineKind::Embedded)
                .unwrap()
        );
        let trees = catalogue.collection("trees").unwrap().unwrap();
        assert_eq!(trees.model.text, Some(text));
        assert!(catalogue.set_text_model(trees.key, None).unwrap());
        let trees = catalogue.collection("trees").unwrap().unwrap();
        assert_eq!(trees.model.text, None);
    }
}
