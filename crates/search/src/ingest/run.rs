//! The notes of an `add`: what it remembers of every record that it has seen.
//!
//! A run may see more records than fit into memory. So the notes are an SQLite database without a name.
//! SQLite keeps it in memory while it's small, moves it to a temporary file when it grows, and deletes it
//! with the run.
//!
//! A record may claim an id that another picture of the collection has. That picture may come later in the
//! same run and get another id: ids may be shifted, swapped or rotated. So the run defers a record whose id
//! isn't free yet, and handles it after all others. If the id came from the record's own source, the picture
//! that has it yields it unless the run sees that picture.

use rusqlite::{Connection, OptionalExtension, Params, Row, params};

use crate::error::{Error, Result};
use crate::record::{NewRecord, Record};

const TABLES: &str = "
    -- The seen locations. `id` is the id that the source claims, unless it was refused.
    CREATE TABLE places (place TEXT PRIMARY KEY, id TEXT) WITHOUT ROWID;
    -- The ids that sources gave, each with the first location.
    CREATE TABLE claims (id TEXT PRIMARY KEY, place TEXT NOT NULL) WITHOUT ROWID;
    -- The ids and locations of the pictures that this run changes.
    CREATE TABLE given (id TEXT PRIMARY KEY, place TEXT NOT NULL) WITHOUT ROWID;
    -- The records that lost their id to another picture before the run saw them.
    CREATE TABLE displaced (place TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;
    -- The deferred records, each with the location of the picture whose id it claims.
    CREATE TABLE deferred (
        number  INTEGER PRIMARY KEY,
        place   TEXT NOT NULL UNIQUE,
        holder  TEXT NOT NULL,
        yields  INTEGER NOT NULL,
        record  TEXT NOT NULL
    );
    CREATE INDEX deferred_by_holder ON deferred (holder);
";

/// The notes of a run.
#[derive(Debug)]
pub(crate) struct Run {
    notes: Connection,
    /// Whether any record was displaced. Most runs displace none and skip the lookup.
    displaces: bool,
}

/// The result of claiming a location and an id.
#[derive(Debug, PartialEq)]
pub(crate) enum Claim {
    /// The record is the first with its location and id.
    Granted,
    /// The location was claimed before.
    Repeated,
    /// The id was given to another location.
    Taken {
        /// The other location.
        by: String,
    },
}

impl Run {
    /// The notes of a new run.
    pub(crate) fn begin() -> Result<Run> {
        let open = || {
            let notes = Connection::open("")?;
            // Nothing is rolled back, and no other connection reads it.
            notes.pragma_update(None, "journal_mode", "OFF")?;
            notes.pragma_update(None, "synchronous", "OFF")?;
            notes.execute_batch(TABLES)?;
            Ok(notes)
        };
        let notes = open().map_err(failed)?;
        Ok(Run {
            notes,
            displaces: false,
        })
    }

    /// Claims a record's location and id.
    pub(crate) fn claim(&self, record: &NewRecord) -> Result<Claim> {
        let (location, id) = (&record.location, &record.id);
        let sql = "INSERT INTO places VALUES (?1, ?2) ON CONFLICT DO NOTHING";
        if self.write(sql, params![location, id])? == 0 {
            return Ok(Claim::Repeated);
        }
        let Some(id) = id else {
            return Ok(Claim::Granted);
        };
        let sql = "INSERT INTO claims VALUES (?1, ?2) ON CONFLICT DO NOTHING";
        if self.write(sql, [id, location])? == 1 {
            return Ok(Claim::Granted);
        }
        self.withdraw(location)?;
        let by = self.claimed_by(id)?.unwrap_or_default();
        Ok(Claim::Taken { by })
    }

    /// The location to which a source gave an id.
    pub(crate) fn claimed_by(&self, id: &str) -> Result<Option<String>> {
        self.text("SELECT place FROM claims WHERE id = ?1", id)
    }

    /// Notes that the picture at a location doesn't get the id that its source gives.
    pub(crate) fn withdraw(&self, location: &str) -> Result<()> {
        self.write("UPDATE places SET id = NULL WHERE place = ?1", [location])
            .map(drop)
    }

    /// Whether the run has seen a record of this location.
    pub(crate) fn has_seen(&self, location: &str) -> Result<bool> {
        let found = self.text("SELECT place FROM places WHERE place = ?1", location)?;
        Ok(found.is_some())
    }

    /// Whether this run gives another id to the picture at a location, so that it gives up its own.
    pub(crate) fn gives_up_id(&self, location: &str) -> Result<bool> {
        let id = self.text(
            "SELECT id FROM places WHERE place = ?1 AND id IS NOT NULL",
            location,
        )?;
        Ok(id.is_some())
    }

    /// Whether the picture at a location may still get another id: it hasn't been seen, or was deferred.
    pub(crate) fn is_open(&self, location: &str) -> Result<bool> {
        Ok(self.is_deferred(location)? || !self.has_seen(location)?)
    }

    /// Notes that a picture of the collection now has this id.
    pub(crate) fn give(&self, id: &str, location: &str) -> Result<()> {
        self.write(
            "INSERT OR REPLACE INTO given VALUES (?1, ?2)",
            [id, location],
        )
        .map(drop)
    }

    /// The location to which this run gave an id.
    pub(crate) fn given_to(&self, id: &str) -> Result<Option<String>> {
        self.text("SELECT place FROM given WHERE id = ?1", id)
    }

    /// Notes that a record has lost its id to another picture.
    pub(crate) fn displace(&mut self, record: &Record) -> Result<()> {
        self.displaces = true;
        let text = serde_json::to_string(record).map_err(|source| damaged(&record.id, source))?;
        let sql = "INSERT OR REPLACE INTO displaced VALUES (?1, ?2)";
        self.write(sql, [&record.location, &text]).map(drop)
    }

    /// The record at a location before its id went to another picture.
    pub(crate) fn displaced(&self, location: &str) -> Result<Option<Record>> {
        if !self.displaces {
            return Ok(None);
        }
        let text = self.text("SELECT record FROM displaced WHERE place = ?1", location)?;
        let record = text.map(|text| serde_json::from_str(&text));
        record
            .transpose()
            .map_err(|source| damaged(location, source))
    }

    /// Defers a record that claims the id of the picture at `holder`. With `yields`, that picture gives up
    /// the id unless the run sees it.
    pub(crate) fn defer(&self, record: &NewRecord, holder: &str, yields: bool) -> Result<()> {
        let location = record.location.as_str();
        let text = serde_json::to_string(record).map_err(|source| damaged(location, source))?;
        let sql = "INSERT INTO deferred (place, holder, yields, record) VALUES (?1, ?2, ?3, ?4)";
        self.write(sql, params![location, holder, yields, text])
            .map(drop)
    }

    fn is_deferred(&self, location: &str) -> Result<bool> {
        let found = self.text("SELECT place FROM deferred WHERE place = ?1", location)?;
        Ok(found.is_some())
    }

    /// Refuses the deferred records that can't have their ids, now that all records have been seen: those
    /// that claim the id of a picture that keeps it, and those that claim the id of a refused one.
    pub(crate) fn resolve(&self) -> Result<()> {
        let stuck = "
            SELECT number, place FROM deferred WHERE number > ?1 AND NOT EXISTS
                (SELECT 1 FROM places WHERE places.place = holder AND id IS NOT NULL)
            AND NOT (yields AND NOT EXISTS (SELECT 1 FROM places WHERE places.place = holder))
            ORDER BY number LIMIT 1";
        let mut after = 0i64;
        let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
        while let Some((number, location)) = self.get(stuck, [after], read)? {
            after = number;
            self.refuse(location)?;
        }
        Ok(())
    }

    /// Refuses a deferred record, the one that claims the id that it keeps, and so on. As an id is claimed
    /// once, these form a chain.
    fn refuse(&self, location: String) -> Result<()> {
        let mut refused = Some(location);
        while let Some(location) = refused
            && self.gives_up_id(&location)?
        {
            self.withdraw(&location)?;
            refused = self.text("SELECT place FROM deferred WHERE holder = ?1", &location)?;
        }
        Ok(())
    }

    /// Up to `limit` deferred records with their numbers, after the number `after`.
    pub(crate) fn deferred(&self, after: i64, limit: usize) -> Result<Vec<(i64, NewRecord)>> {
        let sql = "SELECT number, record FROM deferred WHERE number > ?1 ORDER BY number LIMIT ?2";
        let read = || {
            self.notes
                .prepare_cached(sql)?
                .query_map([after, limit as i64], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<rusqlite::Result<Vec<(i64, String)>>>()
        };
        let rows = read().map_err(failed)?.into_iter();
        rows.map(|(number, text)| {
            let record = serde_json::from_str(&text);
            let record = record.map_err(|source| damaged(&number.to_string(), source))?;
            Ok((number, record))
        })
        .collect()
    }

    fn write(&self, sql: &str, parameters: impl Params) -> Result<usize> {
        let write = || self.notes.prepare_cached(sql)?.execute(parameters);
        write().map_err(failed)
    }

    fn text(&self, sql: &str, parameter: &str) -> Result<Option<String>> {
        self.get(sql, [parameter], |row| row.get(0))
    }

    fn get<T>(
        &self,
        sql: &str,
        parameters: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>> {
        let get = || {
            let mut statement = self.notes.prepare_cached(sql)?;
            statement.query_row(parameters, read).optional()
        };
        get().map_err(failed)
    }
}

fn failed(source: rusqlite::Error) -> Error {
    Error::Notes { source }
}

fn damaged(id: &str, source: serde_json::Error) -> Error {
    Error::DamagedRecord {
        id: id.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(location: &str, id: Option<&str>) -> NewRecord {
        NewRecord {
            id: id.map(str::to_owned),
            location: location.to_owned(),
            ..NewRecord::default()
        }
    }

    #[test]
    fn a_place_and_an_id_are_granted_once() {
        let run = Run::begin().unwrap();
        let claim = |location, id| run.claim(&record(location, id)).unwrap();
        assert_eq!(claim("/a", Some("1")), Claim::Granted);
        assert_eq!(claim("/a", Some("2")), Claim::Repeated);
        let by = "/a".to_owned();
        assert_eq!(claim("/b", Some("1")), Claim::Taken { by });
        assert_eq!(claim("/c", None), Claim::Granted);
        let has = |location| run.has_seen(location).unwrap();
        assert!(has("/a") && has("/b") && has("/c") && !has("/d"));
        let gives_up = |location| run.gives_up_id(location).unwrap();
        assert!(gives_up("/a") && !gives_up("/b") && !gives_up("/c"));
    }

    /// Defers records in this order, and checks which can have their ids. Each is a location, and the
    /// location of the picture whose id it claims.
    #[track_caller]
    fn case(aside: &[(&str, &str)], expected: &[&str]) {
        let run = Run::begin().unwrap();
        for (location, holder) in aside {
            let record = record(location, Some(&format!("of {holder}")));
            assert_eq!(run.claim(&record).unwrap(), Claim::Granted);
            run.defer(&record, holder, false).unwrap();
        }
        // One gets another id, the other doesn't.
        run.claim(&record("/leaves", Some("new"))).unwrap();
        run.claim(&record("/stays", None)).unwrap();
        run.resolve().unwrap();
        let locations = aside.iter().map(|(location, _)| *location);
        let granted: Vec<&str> = locations
            .filter(|location| run.gives_up_id(location).unwrap())
            .collect();
        assert_eq!(granted, expected);
        let numbers: Vec<i64> = (1..=aside.len() as i64).collect();
        let deferred = run.deferred(0, aside.len()).unwrap();
        assert_eq!(
            deferred.iter().map(|(n, _)| *n).collect::<Vec<_>>(),
            numbers
        );
        assert_eq!(run.deferred(0, 1).unwrap().len(), 1);
    }

    #[test]
    fn what_was_put_aside_is_resolved_together() {
        case(&[("/a", "/b"), ("/b", "/a")], &["/a", "/b"]);
        case(
            &[("/a", "/b"), ("/b", "/c"), ("/c", "/a")],
            &["/a", "/b", "/c"],
        );
        case(&[("/a", "/b"), ("/b", "/leaves")], &["/a", "/b"]);
        case(&[("/a", "/b"), ("/b", "/stays")], &[]);
        case(&[("/b", "/stays"), ("/a", "/b"), ("/c", "/a")], &[]);
        case(
            &[("/a", "/elsewhere"), ("/b", "/c"), ("/c", "/leaves")],
            &["/b", "/c"],
        );
    }

    #[test]
    fn a_picture_that_does_not_come_yields_its_id() {
        let run = Run::begin().unwrap();
        for (location, holder) in [("/a", "/gone"), ("/b", "/there"), ("/c", "/a")] {
            let record = record(location, Some(&format!("of {holder}")));
            run.claim(&record).unwrap();
            run.defer(&record, holder, holder != "/a").unwrap();
        }
        run.claim(&record("/there", None)).unwrap();
        run.resolve().unwrap();
        let gives_up = |location| run.gives_up_id(location).unwrap();
        assert!(gives_up("/a") && !gives_up("/b") && gives_up("/c"));
    }

    #[test]
    fn notes_are_given_back_as_they_were() {
        let mut run = Run::begin().unwrap();
        let mut new = record("/a", Some("1"));
        new.captions = vec!["a \"quoted\" wren".to_owned()];
        new.metadata.insert("price".into(), 0.1.into());
        run.defer(&new, "/b", false).unwrap();
        assert_eq!(run.deferred(0, 9).unwrap(), [(1, new)]);
        assert!(run.deferred(1, 9).unwrap().is_empty());
        let mut old = Record {
            id: "1".to_owned(),
            location: "/b".to_owned(),
            ..Record::default()
        };
        old.stamp.modified = Some(i64::MAX);
        assert_eq!(run.displaced("/b").unwrap(), None);
        run.displace(&old).unwrap();
        assert_eq!(run.displaced("/b").unwrap(), Some(old));
        assert_eq!(run.given_to("1").unwrap(), None);
        run.give("1", "/a").unwrap();
        assert_eq!(run.given_to("1").unwrap().as_deref(), Some("/a"));
    }
}
