use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::path::{MAIN_SEPARATOR, Path, PathBuf};

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Result, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::address::AddressKind;
use crate::problem::ListedProblem;
use crate::{Address, Metadata};

/// The database ends with the process, so it needs neither a journal nor durable writes.
const SETTINGS: &str = "
    PRAGMA journal_mode = OFF;
    PRAGMA synchronous = OFF;
    PRAGMA cache_size = -32768;
";

const TABLES: &str = "
    CREATE TABLE records (
        number      INTEGER PRIMARY KEY,
        kind        INTEGER NOT NULL,
        address     TEXT NOT NULL,
        id          TEXT,
        is_repeated INTEGER NOT NULL,
        source      INTEGER,
        captions    TEXT,
        metadata    TEXT,
        id_source   INTEGER
    );
    CREATE TABLE further_rows (
        record   INTEGER NOT NULL,
        sequence INTEGER NOT NULL,
        source   INTEGER NOT NULL,
        captions TEXT,
        metadata TEXT,
        PRIMARY KEY (record, sequence)
    ) WITHOUT ROWID;
    CREATE TABLE addresses (hash INTEGER PRIMARY KEY, record INTEGER NOT NULL);
    CREATE TABLE ids (hash INTEGER PRIMARY KEY, record INTEGER NOT NULL);
    CREATE TABLE captions (hash INTEGER PRIMARY KEY, other_hash INTEGER NOT NULL);
    CREATE TABLE problems (
        number  INTEGER PRIMARY KEY,
        file    TEXT NOT NULL,
        line    INTEGER,
        summary TEXT NOT NULL,
        message TEXT NOT NULL,
        cause   TEXT
    );
    CREATE TABLE refused (source INTEGER, name TEXT, PRIMARY KEY (source, name)) WITHOUT ROWID;
    CREATE TABLE unsorted (path BLOB NOT NULL, summary TEXT, message TEXT, cause TEXT);
";

/// The database of a listing.
///
/// Addresses, ids and captions are looked up by a 64-bit hash, since an index of the texts would be as
/// large as the texts. Collisions are resolved by linear probing. Each database has its own random hash
/// keys, so nobody can prepare a table whose hashes collide.
#[derive(Debug)]
pub(super) struct Database {
    pub(super) connection: Connection,
    hasher: RandomState,
}

/// What adding a row to an existing record needs to know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    pub(crate) number: i64,
    pub(super) has_id: bool,
    /// The source of its first row.
    source: i64,
    /// Whether the hashes of its captions are in the table `captions`.
    is_repeated: bool,
}

/// The contents of a row besides address and id.
#[derive(Debug, Default)]
pub(super) struct RowContent {
    pub(super) source: i64,
    pub(super) captions: Vec<String>,
    pub(super) metadata: Metadata,
}

impl RowContent {
    /// The content of a row of a source, without captions and metadata.
    pub(super) fn of(source: usize) -> RowContent {
        RowContent {
            source: i64::try_from(source).unwrap_or(i64::MAX),
            ..RowContent::default()
        }
    }

    fn captions(&self) -> Result<Option<String>> {
        (!self.captions.is_empty())
            .then(|| json(&self.captions))
            .transpose()
    }

    fn metadata(&self) -> Result<Option<String>> {
        (!self.metadata.is_empty())
            .then(|| json(&self.metadata))
            .transpose()
    }
}

/// A database that SQLite writes to a temporary file as far as it exceeds its cache.
pub(crate) fn temporary_database() -> Result<Connection> {
    let connection = Connection::open("")?;
    connection.execute_batch(SETTINGS)?;
    // One transaction, never committed: one per row would cost as much as the insert.
    connection.execute_batch("BEGIN")?;
    Ok(connection)
}

impl Database {
    pub(super) fn new() -> Result<Self> {
        let connection = temporary_database()?;
        connection.set_prepared_statement_cache_capacity(32);
        connection.execute_batch(TABLES)?;
        Ok(Self {
            connection,
            hasher: RandomState::new(),
        })
    }

    /// Looks up the record at `address`.
    pub(super) fn find(&self, address: &Address) -> Result<Option<Known>> {
        let (kind, text) = (code(address.kind()), address.text());
        let sql = "SELECT record FROM addresses WHERE hash = ?1";
        self.look_up(sql, self.hash(kind, &text), |number| {
            let mut statement = self.connection.prepare_cached(
                "SELECT kind = ?2 AND address = ?3, id IS NOT NULL, is_repeated, source
                 FROM records WHERE number = ?1",
            )?;
            statement.query_row(params![number, kind, text], |row| {
                let is_it: bool = row.get(0)?;
                let known = Known {
                    number,
                    has_id: row.get(1)?,
                    is_repeated: row.get(2)?,
                    source: row.get(3)?,
                };
                Ok(is_it.then_some(known))
            })
        })
    }

    /// Looks up the number of the record with this id.
    pub(super) fn holder(&self, id: &str) -> Result<Option<i64>> {
        let sql = "SELECT record FROM ids WHERE hash = ?1";
        self.look_up(sql, self.hash(0, id), |number| {
            let sql = "SELECT id = ?2 FROM records WHERE number = ?1";
            let mut statement = self.connection.prepare_cached(sql)?;
            statement.query_row(params![number, id], |row| {
                let is_it: bool = row.get(0)?;
                Ok(is_it.then_some(number))
            })
        })
    }

    /// The id of a record.
    pub(super) fn id(&self, number: i64) -> Result<Option<String>> {
        let sql = "SELECT id FROM records WHERE number = ?1";
        let mut statement = self.connection.prepare_cached(sql)?;
        statement.query_row([number], |row| row.get(0))
    }

    /// Notes that a name of a source was refused. Returns false if it was refused before.
    pub(super) fn refuse(&self, source: usize, name: &str) -> Result<bool> {
        let sql = "INSERT OR IGNORE INTO refused VALUES (?1, ?2)";
        let mut statement = self.connection.prepare_cached(sql)?;
        let source = i64::try_from(source).unwrap_or(i64::MAX);
        Ok(statement.execute(params![source, name])? > 0)
    }

    /// Probes a table from `hash` on until `the_one` accepts a record or an entry is free.
    fn look_up<T>(
        &self,
        sql: &str,
        mut hash: i64,
        the_one: impl Fn(i64) -> Result<Option<T>>,
    ) -> Result<Option<T>> {
        let mut statement = self.connection.prepare_cached(sql)?;
        loop {
            let record = statement.query_row([hash], |row| row.get(0)).optional()?;
            let Some(record) = record else {
                return Ok(None);
            };
            if let Some(found) = the_one(record)? {
                return Ok(Some(found));
            }
            hash = hash.wrapping_add(1);
        }
    }

    /// Adds the record `number` with its first row. No other record may have this address or id.
    pub(super) fn insert_record(
        &self,
        number: i64,
        address: &Address,
        id: Option<&str>,
        content: &RowContent,
    ) -> Result<Known> {
        let (kind, text) = (code(address.kind()), address.text());
        let hash = self.hash(kind, &text);
        self.enter(
            "INSERT OR IGNORE INTO addresses VALUES (?1, ?2)",
            hash,
            number,
        )?;
        let sql = "INSERT INTO records VALUES (?1, ?2, ?3, ?4, 0, ?5, ?6, ?7, ?5)";
        let mut statement = self.connection.prepare_cached(sql)?;
        let (captions, metadata) = (content.captions()?, content.metadata()?);
        statement.execute(params![
            number,
            kind,
            text,
            id,
            content.source,
            captions,
            metadata
        ])?;
        if let Some(id) = id {
            self.enter_id(number, id)?;
        }
        Ok(Known {
            number,
            has_id: id.is_some(),
            source: content.source,
            is_repeated: false,
        })
    }

    fn enter_id(&self, number: i64, id: &str) -> Result<()> {
        let sql = "INSERT OR IGNORE INTO ids VALUES (?1, ?2)";
        self.enter(sql, self.hash(0, id), number)
    }

    /// Inserts a record number under the first free hash from `hash` on.
    fn enter(&self, sql: &str, mut hash: i64, number: i64) -> Result<()> {
        let mut statement = self.connection.prepare_cached(sql)?;
        while statement.execute([hash, number])? == 0 {
            hash = hash.wrapping_add(1);
        }
        Ok(())
    }

    /// Adds a further row to a record, without the captions that the record already has. The rows of a record
    /// are merged in the order of `sequence`.
    pub(super) fn add_row(
        &self,
        known: &mut Known,
        sequence: i64,
        id: Option<&str>,
        content: &mut RowContent,
    ) -> Result<()> {
        if let (Some(id), false) = (id, known.has_id) {
            self.set_id(known.number, id, content.source)?;
            known.has_id = true;
        }
        if !content.captions.is_empty() {
            if !known.is_repeated {
                self.remember_captions(known.number)?;
                known.is_repeated = true;
            }
            self.retain_new(known.number, &mut content.captions)?;
        }
        let (captions, metadata) = (content.captions()?, content.metadata()?);
        if captions.is_none() && metadata.is_none() && known.source == content.source {
            return Ok(());
        }
        let sql = "INSERT INTO further_rows VALUES (?1, ?2, ?3, ?4, ?5)";
        let mut statement = self.connection.prepare_cached(sql)?;
        statement.execute(params![
            known.number,
            sequence,
            content.source,
            captions,
            metadata
        ])?;
        Ok(())
    }

    /// Sets the id of a record without one. No other record may have this id.
    fn set_id(&self, number: i64, id: &str, source: i64) -> Result<()> {
        let sql = "UPDATE records SET id = ?2, id_source = ?3 WHERE number = ?1";
        let mut statement = self.connection.prepare_cached(sql)?;
        statement.execute(params![number, id, source])?;
        self.enter_id(number, id)
    }

    /// Keeps only the captions that are new to the record, and inserts them.
    fn retain_new(&self, number: i64, captions: &mut Vec<String>) -> Result<()> {
        let is_new = captions
            .iter()
            .map(|caption| self.remember_caption(number, caption))
            .collect::<Result<Vec<bool>>>()?;
        let mut is_new = is_new.into_iter();
        captions.retain(|_| is_new.next().unwrap_or_default());
        Ok(())
    }

    /// Inserts the captions of a record's first row into the table `captions`. Called for the second row with
    /// captions, because most records have one row.
    fn remember_captions(&self, number: i64) -> Result<()> {
        let sql = "SELECT captions FROM records WHERE number = ?1";
        let mut statement = self.connection.prepare_cached(sql)?;
        let captions: Option<String> = statement.query_row([number], |row| row.get(0))?;
        let captions: Option<Vec<String>> = captions.as_deref().map(of_json).transpose()?;
        for caption in captions.into_iter().flatten() {
            self.remember_caption(number, &caption)?;
        }
        let sql = "UPDATE records SET is_repeated = 1 WHERE number = ?1";
        self.connection.prepare_cached(sql)?.execute([number])?;
        Ok(())
    }

    /// Inserts a caption of a record. Returns false if the record already has it. A caption is identified by
    /// two hashes, 96 bits together. The first starts with the record number, which keeps the entries of a
    /// record on the same pages.
    fn remember_caption(&self, number: i64, caption: &str) -> Result<bool> {
        let other_hash = self.hash(number, caption);
        let mut hash = (number << 32) | (self.hash(-1, caption) & 0xffff_ffff);
        let sql = "INSERT OR IGNORE INTO captions VALUES (?1, ?2)";
        let mut insert = self.connection.prepare_cached(sql)?;
        let sql = "SELECT other_hash FROM captions WHERE hash = ?1";
        let mut select = self.connection.prepare_cached(sql)?;
        while insert.execute([hash, other_hash])? == 0 {
            if other_hash == select.query_row([hash], |row| row.get::<_, i64>(0))? {
                return Ok(false);
            }
            hash = hash.wrapping_add(1);
        }
        Ok(true)
    }

    pub(super) fn insert_problem(&self, problem: &ListedProblem) -> Result<()> {
        let sql = "INSERT INTO problems VALUES (NULL, ?1, ?2, ?3, ?4, ?5)";
        let mut statement = self.connection.prepare_cached(sql)?;
        statement.execute(params![
            problem.file,
            problem.line.map(u64::cast_signed),
            problem.summary,
            problem.message,
            problem.cause,
        ])?;
        Ok(())
    }

    /// Stores a picture or a problem at `path` until [`visit_sorted`](Self::visit_sorted).
    pub(super) fn set_aside(&self, path: &Path, problem: Option<&ListedProblem>) -> Result<()> {
        let sql = "INSERT INTO unsorted VALUES (?1, ?2, ?3, ?4)";
        let mut statement = self.connection.prepare_cached(sql)?;
        statement.execute(params![
            sortable(path),
            problem.map(|problem| &problem.summary),
            problem.map(|problem| &problem.message),
            problem.and_then(|problem| problem.cause.as_ref()),
        ])?;
        Ok(())
    }

    /// Visits the stored pictures and problems, sorted by path.
    pub(super) fn visit_sorted(
        &self,
        mut visit: impl FnMut(std::result::Result<PathBuf, ListedProblem>) -> Result<()>,
    ) -> Result<()> {
        let sql = "SELECT path, summary, message, cause FROM unsorted ORDER BY path, rowid";
        let mut statement = self.connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let path = of_sortable(row.get_ref(0)?.as_blob()?);
            visit(match row.get::<_, Option<String>>(1)? {
                None => Ok(path.into()),
                Some(summary) => Err(ListedProblem {
                    file: path,
                    line: None,
                    summary,
                    message: row.get(2)?,
                    cause: row.get(3)?,
                }),
            })?;
        }
        Ok(())
    }

    pub(super) fn clear_unsorted(&self) -> Result<()> {
        let mut statement = self.connection.prepare_cached("DELETE FROM unsorted")?;
        statement.execute([]).map(drop)
    }

    fn hash(&self, kind: i64, text: &str) -> i64 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write_i64(kind);
        hasher.write(text.as_bytes());
        hasher.finish().cast_signed()
    }
}

/// The bytes of a path with zeros as separators. They sort like paths: `a/b` before `a.b`.
fn sortable(path: &Path) -> Vec<u8> {
    let mut bytes = path.as_os_str().as_encoded_bytes().to_vec();
    for byte in &mut bytes {
        if char::from(*byte) == MAIN_SEPARATOR {
            // No path contains a zero byte.
            *byte = 0;
        }
    }
    bytes
}

/// The path of [`sortable`] bytes. Only paths of problems may be lossy, as those of pictures are UTF-8.
fn of_sortable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace('\0', std::path::MAIN_SEPARATOR_STR)
}

fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

pub(super) fn of_json<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(unreadable)
}

/// The error for an unreadable stored value.
pub(super) fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(error))
}

/// The stored code of a kind of address.
pub(super) fn code(kind: AddressKind) -> i64 {
    match kind {
        AddressKind::File => 0,
        AddressKind::Web => 1,
        AddressKind::Inside => 2,
    }
}

/// The kind of address with a stored code.
pub(super) fn kind(code: i64) -> AddressKind {
    match code {
        0 => AddressKind::File,
        1 => AddressKind::Web,
        _ => AddressKind::Inside,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        Address::Inside(text.to_owned())
    }

    fn insert(database: &Database, number: i64, text: &str, id: &str) -> Known {
        database
            .insert_record(number, &address(text), Some(id), &RowContent::default())
            .unwrap()
    }

    fn execute(database: &Database, sql: &str, values: [i64; 2]) {
        database.connection.execute(sql, values).unwrap();
    }

    #[test]
    fn a_hash_that_is_taken_is_not_taken_for_the_other() {
        let database = Database::new().unwrap();
        insert(&database, 1, "a", "id of a");
        let hash = database.hash(code(AddressKind::Inside), "b");
        execute(
            &database,
            "INSERT INTO addresses VALUES (?1, ?2)",
            [hash, 1],
        );
        let hash = database.hash(0, "id of b");
        execute(&database, "INSERT INTO ids VALUES (?1, ?2)", [hash, 1]);
        assert!(database.find(&address("b")).unwrap().is_none());
        assert_eq!(database.holder("id of b").unwrap(), None);
        insert(&database, 2, "b", "id of b");
        for (number, text) in [(1, "a"), (2, "b")] {
            let found = database.find(&address(text)).unwrap();
            assert_eq!(found.map(|known| known.number), Some(number));
            let holder = database.holder(&format!("id of {text}")).unwrap();
            assert_eq!(holder, Some(number));
        }
    }

    #[test]
    fn a_caption_is_known_by_both_its_hashes() {
        let database = Database::new().unwrap();
        assert!(database.remember_caption(1, "a").unwrap());
        assert!(!database.remember_caption(1, "a").unwrap());
        assert!(database.remember_caption(2, "a").unwrap());
        let sql = "UPDATE captions SET other_hash = other_hash + 1";
        database.connection.execute(sql, []).unwrap();
        assert!(database.remember_caption(1, "a").unwrap());
        assert!(!database.remember_caption(1, "a").unwrap());
    }

    #[test]
    fn bytes_are_sorted_as_paths_are() {
        let mut paths: Vec<PathBuf> = ["/a.b/c", "/a/c", "/a", "/a b", "/a/b/c", "/é/a", "/a-b/a"]
            .iter()
            .map(PathBuf::from)
            .collect();
        paths.sort_by_key(|path| sortable(path));
        assert!(paths.is_sorted(), "{paths:?}");
        for path in paths {
            assert_eq!(of_sortable(&sortable(&path)), path.to_str().unwrap());
        }
    }
}
