//! The tables of the catalogue, and migrations from earlier versions.

use std::path::Path;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::counters;
use crate::error::{Error, Result};
use crate::keywords;

/// "clsk" in the file's header, which identifies a clipseek database.
const APPLICATION_ID: i64 = 0x636c_736b;

/// The version of the tables below. What earlier versions lacked:
///
/// - 1: text models.
/// - 2: keywords, file stamps and metadata from the files.
/// - 3: a fast trigger for the table of words; each insertion read all records.
/// - 4: pictures of URLs.
/// - 5: engines.
/// - 6: counters; records were counted each time.
/// - 7: the source of each picture, and the files' metadata other than date, camera and position. The next
///   `add` reads each file once more. Records were stored in the order of their ids.
/// - 8: what each source said.
/// - 9: colours, and an index by date.
const VERSION: i64 = 10;

const COLLECTIONS: &str = "
    CREATE TABLE collections (
        id          INTEGER PRIMARY KEY,
        name        TEXT NOT NULL UNIQUE,
        model       TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        precision   TEXT NOT NULL,
        dimension   INTEGER NOT NULL,
        text_model  TEXT,
        text_fingerprint TEXT,
        engine      TEXT NOT NULL DEFAULT 'embedded',
        pictures    INTEGER NOT NULL DEFAULT 0,
        missing     INTEGER NOT NULL DEFAULT 0,
        captions    INTEGER NOT NULL DEFAULT 0,
        salt        BLOB
    );
";

/// Records are stored in the order of writing. Ids and hashes are random, so each written record changes a
/// random page of an index on them. So only narrow indexes exist, and the one on hashes has only their
/// beginnings.
const RECORDS: &str = "
    CREATE TABLE records (
        number      INTEGER PRIMARY KEY,
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
        changed     INTEGER,
        source      INTEGER,
        contributions TEXT NOT NULL DEFAULT '[]',
        colour      INTEGER
    );
";

const INDEXES: &str = "
    CREATE UNIQUE INDEX records_by_id ON records (collection, id);
    CREATE UNIQUE INDEX records_by_place ON records (collection, place);
    CREATE INDEX records_by_hash ON records (collection, substr(hash, 1, 16));
    CREATE INDEX records_by_source ON records (collection, source, place);
";

const SOURCES: &str = "
    CREATE TABLE sources (
        id          INTEGER PRIMARY KEY,
        collection  INTEGER NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
        place       TEXT NOT NULL,
        columns     TEXT,
        UNIQUE (collection, place)
    );
";

const UNFINISHED: &str = "
    CREATE TABLE unfinished (
        collection  INTEGER NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
        id          TEXT NOT NULL,
        PRIMARY KEY (collection, id)
    ) WITHOUT ROWID;
";

/// Moves the records of version 7 out of the table `earlier`. Without its time, each file is read once more.
const MOVE: &str = "
    INSERT INTO records (collection, id, place, hash, width, height, captions, metadata, bytes, facts, missing, file)
        SELECT collection, id, place, hash, width, height, captions, metadata, bytes, facts, missing, file
        FROM earlier ORDER BY collection, place;
    DROP TABLE earlier;
";

/// Deletes the records that an insertion replaces, with the same id or the same location. `INSERT OR REPLACE`
/// would delete them without firing delete triggers (SQLite does that only with `recursive_triggers`). The
/// two are looked up separately, each by its index: for both at once, SQLite scans all records of the
/// collection.
const BEFORE_INSERTION: &str = "
    CREATE TRIGGER records_before_insertion BEFORE INSERT ON records BEGIN
        DELETE FROM records WHERE collection = new.collection AND id = new.id;
        DELETE FROM records WHERE collection = new.collection AND place = new.place;
    END;
";

/// The migrations from each version to the next.
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
    "
    DROP TRIGGER IF EXISTS keywords_before_insertion;
    ALTER TABLE collections ADD COLUMN pictures INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE collections ADD COLUMN missing INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE collections ADD COLUMN captions INTEGER NOT NULL DEFAULT 0;
    ",
    "
    DROP INDEX records_by_hash;
    ALTER TABLE records RENAME TO earlier;
    ALTER TABLE collections ADD COLUMN salt BLOB;
    UPDATE collections SET salt = randomblob(16);
    ",
    // Version 8 creates its tables with all columns.
    "",
    "",
];

/// The migration from version 8 to 9.
const FROM_VERSION_8: &str = "
    ALTER TABLE records ADD COLUMN contributions TEXT NOT NULL DEFAULT '[]';
    ALTER TABLE sources ADD COLUMN columns TEXT;
";

/// The migration from version 9 to 10, without the index by date.
const FROM_VERSION_9: &str = "ALTER TABLE records ADD COLUMN colour INTEGER;";

/// When a picture was taken, in seconds since 1970. The source's value takes precedence over the file's.
pub(super) const TAKEN: &str = "coalesce(metadata ->> 'taken_at', facts ->> 'taken_at')";

/// Creates an index by date of the pictures that aren't missing.
fn create_date_index(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(&format!(
        "CREATE INDEX IF NOT EXISTS records_by_date ON records (collection, {TAKEN} DESC, id) WHERE NOT missing"
    ))
}

/// Prepares the database at `path`: creates the tables or migrates those of an earlier version.
pub(super) fn prepare(connection: &mut Connection, path: &Path) -> Result<()> {
    let at = |source| Error::Catalogue {
        path: path.to_owned(),
        source,
    };
    let state = connection
        .transaction()
        .and_then(|transaction| State::read(&transaction))
        .map_err(at)?;
    state.check(path)?;
    if state.is_empty() {
        create_tables(connection).map_err(at)?;
    } else if state.version < VERSION {
        update_tables(connection).map_err(at)?;
    }
    Ok(())
}

/// What the header of a database file says.
struct State {
    application: i64,
    version: i64,
    tables: i64,
}

impl State {
    /// In a transaction, as another process may be creating the tables.
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

    /// Checks that the file is a clipseek database of a supported version.
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
    // Immediate: if two processes open a new store at once, only one creates the tables.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if State::read(&transaction)?.is_empty() {
        for tables in [COLLECTIONS, SOURCES, RECORDS, INDEXES, UNFINISHED] {
            transaction.execute_batch(tables)?;
        }
        create_date_index(&transaction)?;
        transaction.execute_batch(keywords::TABLE)?;
        create_triggers(&transaction)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
    }
    transaction.commit()
}

fn create_triggers(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(BEFORE_INSERTION)?;
    keywords::create_triggers(connection)?;
    counters::create_triggers(connection)
}

/// Migrates the tables of an earlier version. Programs of that version refuse the file afterwards.
fn update_tables(connection: &mut Connection) -> rusqlite::Result<()> {
    // Immediate, and checked again inside: another process may have migrated it.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version = State::read(&transaction)?.version.clamp(1, VERSION);
    for update in &UPDATES[version as usize - 1..] {
        transaction.execute_batch(update)?;
    }
    if version < 8 {
        for statements in [SOURCES, RECORDS, MOVE, INDEXES] {
            transaction.execute_batch(statements)?;
        }
        transaction.execute_batch(keywords::DROP)?;
        transaction.execute_batch(keywords::TABLE)?;
        keywords::fill(&transaction)?;
    }
    if version == 8 {
        transaction.execute_batch(FROM_VERSION_8)?;
    }
    if (8..10).contains(&version) {
        transaction.execute_batch(FROM_VERSION_9)?;
    }
    create_date_index(&transaction)?;
    if version < 7 {
        counters::fill(&transaction)?;
    }
    if version < 8 {
        // Earlier triggers were dropped with their table.
        create_triggers(&transaction)?;
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use index::EngineKind;

    use super::*;
    use crate::catalogue::Catalogue;
    use crate::identity::{ModelIdentity, TextIdentity};
    use crate::record::Record;

    /// The tables of version 1, with a collection and a picture.
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
        // The second time, there is nothing to do.
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
        let version_3 = format!(
            "{TO_VERSION_7} {TO_VERSION_6}
            DROP TRIGGER keywords_before_insertion;
            CREATE TRIGGER keywords_before_insertion BEFORE INSERT ON records BEGIN SELECT 3; END;
            ALTER TABLE records DROP COLUMN file;
            ALTER TABLE collections DROP COLUMN engine;
            PRAGMA user_version = 3;"
        );
        connection.execute_batch(&version_3).unwrap();
        Catalogue::open(&path).unwrap();
        let query = "SELECT name FROM sqlite_schema WHERE name LIKE '%before_insertion'";
        let name: String = connection.query_row(query, [], |row| row.get(0)).unwrap();
        assert_eq!(name, "records_before_insertion");
    }

    /// Changes the tables back to version 7, apart from the triggers' work.
    const TO_VERSION_7: &str = "
        CREATE TABLE version_7 (
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
        INSERT INTO version_7 SELECT collection, id, place, hash, width, height, captions, metadata, bytes, modified,
            facts, missing, file FROM records;
        CREATE TABLE keyword_rows (
            number      INTEGER PRIMARY KEY,
            collection  INTEGER NOT NULL,
            record      TEXT NOT NULL,
            UNIQUE (collection, record)
        );
        INSERT INTO keyword_rows SELECT number, collection, id FROM records;
        DROP TABLE records;
        DROP TABLE sources;
        ALTER TABLE collections DROP COLUMN salt;
        ALTER TABLE version_7 RENAME TO records;
        CREATE INDEX records_by_hash ON records (collection, hash);
        CREATE TRIGGER records_before_insertion BEFORE INSERT ON records BEGIN SELECT 7; END;
        CREATE TRIGGER keywords_after_insertion AFTER INSERT ON records BEGIN
            INSERT INTO keyword_rows (collection, record) VALUES (new.collection, new.id);
        END;
        CREATE TRIGGER counters_after_update AFTER UPDATE OF collection, captions, missing ON records
            BEGIN SELECT 7; END;
        PRAGMA user_version = 7;
    ";

    #[test]
    fn the_records_of_version_7_keep_their_words() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("catalogue.sqlite");
        let model = ModelIdentity::for_tests(256);
        let record = |id: &str, caption: &str| Record {
            id: id.to_owned(),
            location: format!("/{id}.jpg"),
            hash: format!("{id:0>64}"),
            captions: vec![caption.to_owned()],
            ..Record::default()
        };
        let catalogue = Catalogue::open(&path).unwrap();
        catalogue
            .create_collection("birds", &model, EngineKind::Embedded)
            .unwrap();
        let key = catalogue.collection("birds").unwrap().unwrap().key;
        // Neither sorted by id nor numbered without gaps.
        let written = [
            record("gone", "a jay"),
            record("wren", "a wren"),
            record("owl", "an owl"),
        ];
        catalogue.replace_records(key, &[], &written).unwrap();
        catalogue
            .replace_records(key, &["gone".to_owned()], &[])
            .unwrap();
        drop(catalogue);
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch(TO_VERSION_7).unwrap();
        let catalogue = Catalogue::open(&path).unwrap();
        let with = |word: &str| catalogue.ids_with_keywords(key, word).unwrap();
        assert_eq!(
            (with("wren"), with("owl")),
            (vec!["wren".to_owned()], vec!["owl".to_owned()])
        );
        for kept in &written[1..] {
            assert_eq!(
                catalogue.record(key, &kept.id).unwrap().as_ref(),
                Some(kept)
            );
            assert_eq!(
                catalogue.ids_with_hash(key, &kept.hash).unwrap(),
                [kept.id.as_str()]
            );
        }
        assert_eq!(catalogue.size(key).unwrap(), (2, 2));
        // The triggers for words and counters exist too.
        let changed = record("owl", "a fish");
        catalogue
            .replace_records(key, &["wren".to_owned()], &[changed])
            .unwrap();
        assert_eq!(
            (with("wren"), with("fish")),
            (vec![], vec!["owl".to_owned()])
        );
        assert!(with("an").is_empty());
        assert_eq!(catalogue.size(key).unwrap(), (1, 1));
        assert!(catalogue.check().unwrap().is_empty());
    }

    #[test]
    fn the_records_of_version_8_are_nobodys() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("catalogue.sqlite");
        Catalogue::open(&path).unwrap();
        let to_version_8 = "
            INSERT INTO collections (name, model, fingerprint, precision, dimension)
            VALUES ('birds', 'mini', 'abc', 'f32', 256);
            INSERT INTO sources (collection, place) VALUES (1, '/birds.csv');
            INSERT INTO records (collection, id, place, hash, width, height, captions, metadata, source)
            VALUES (1, 'a', '/a', '1', 3, 4, '[\"a wren\"]', '{\"year\": 1999}', 1);
            DROP INDEX records_by_date;
            ALTER TABLE records DROP COLUMN colour;
            ALTER TABLE records DROP COLUMN contributions;
            ALTER TABLE sources DROP COLUMN columns;
            PRAGMA user_version = 8;
        ";
        Connection::open(&path)
            .unwrap()
            .execute_batch(to_version_8)
            .unwrap();
        let catalogue = Catalogue::open(&path).unwrap();
        let key = catalogue.collection("birds").unwrap().unwrap().key;
        let record = catalogue.record(key, "a").unwrap().unwrap();
        assert_eq!(record.source.as_deref(), Some("/birds.csv"));
        assert_eq!((record.contributions, record.colour), (vec![], None));
        assert_eq!(catalogue.ids_by_date(key, true, 0, 9).unwrap(), ["a"]);
        assert_eq!(catalogue.columns(key, "/birds.csv").unwrap(), None);
        catalogue.keep_columns(key, "/birds.csv", "{}").unwrap();
        let kept = catalogue.columns(key, "/birds.csv").unwrap();
        assert_eq!(kept.as_deref(), Some("{}"));
    }

    /// Changes the tables of version 7 back to version 6.
    const TO_VERSION_6: &str = "
        DROP TRIGGER records_before_insertion;
        DROP TRIGGER counters_after_update;
        ALTER TABLE collections DROP COLUMN pictures;
        ALTER TABLE collections DROP COLUMN missing;
        ALTER TABLE collections DROP COLUMN captions;
        CREATE TRIGGER keywords_before_insertion BEFORE INSERT ON records BEGIN SELECT 6; END;
        PRAGMA user_version = 6;
    ";

    #[test]
    fn the_records_of_version_6_are_counted() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("catalogue.sqlite");
        Catalogue::open(&path).unwrap();
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch(TO_VERSION_7).unwrap();
        connection.execute_batch(TO_VERSION_6).unwrap();
        let records = "
            INSERT INTO collections (name, model, fingerprint, precision, dimension)
            VALUES ('birds', 'mini', 'abc', 'f32', 256), ('trees', 'mini', 'abc', 'f32', 256);
            INSERT INTO records (collection, id, place, hash, width, height, captions, metadata, missing)
            VALUES (1, 'a', '/a', '1', 3, 4, '[\"a wren\", \"a bird\"]', '{}', 0),
                (1, 'b', '/b', '2', 3, 4, '[]', '{}', 0),
                (1, 'c', '/c', '3', 3, 4, '[\"gone\"]', '{}', 1);
        ";
        connection.execute_batch(records).unwrap();
        let catalogue = Catalogue::open(&path).unwrap();
        let counts = |name: &str| {
            let row = catalogue.collection(name).unwrap().unwrap();
            let (pictures, captions) = catalogue.size(row.key).unwrap();
            assert_eq!(pictures, row.pictures);
            (pictures, row.missing, captions)
        };
        assert_eq!(counts("birds"), (2, 1, 2));
        assert_eq!(counts("trees"), (0, 0, 0));
        let changes = "
            UPDATE records SET missing = 1 WHERE id = 'a';
            UPDATE records SET collection = 2 WHERE id = 'c';
            DELETE FROM records WHERE id = 'b';
        ";
        connection.execute_batch(changes).unwrap();
        assert_eq!(counts("birds"), (0, 1, 0));
        assert_eq!(counts("trees"), (0, 1, 0));
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
