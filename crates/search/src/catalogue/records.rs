use std::path::Path;

use rusqlite::{OptionalExtension, Params, Row, params};

use super::schema::TAKEN;
use super::{Catalogue, CollectionKey};
use crate::contribution;
use crate::error::{Error, Result};
use crate::file_stamp::FileStamp;
use crate::keywords;
use crate::missing::below;
use crate::record::Record;

const RECORD: &str = "id, place, hash, width, height, captions, metadata, bytes, modified, facts, missing, file, changed, contributions, colour";

/// The source of a record.
const SOURCE: &str = "(SELECT sources.place FROM sources WHERE sources.id = records.source)";

/// Whether a record's content hash is `?2`. The index has only the beginnings of the hashes.
const HAS_HASH: &str = "substr(hash, 1, 16) = substr(?2, 1, 16) AND hash = ?2";

/// Selects the records of a collection (the first parameter) that match a condition.
fn select(condition: &str) -> String {
    format!("SELECT {RECORD}, {SOURCE} FROM records WHERE collection = ?1 AND {condition}")
}

impl Catalogue {
    pub(crate) fn record(&self, key: CollectionKey, id: &str) -> Result<Option<Record>> {
        self.one_record(key, "id", id)
    }

    pub(crate) fn record_at(&self, key: CollectionKey, location: &str) -> Result<Option<Record>> {
        self.one_record(key, "place", location)
    }

    /// The records with these ids that exist, from one snapshot.
    pub(crate) fn records_with_ids(&self, key: CollectionKey, ids: &[&str]) -> Result<Vec<Record>> {
        let rows: Vec<RawRecord> = self.read(|connection| {
            let transaction = connection.transaction()?;
            let mut statement = transaction.prepare_cached(&select("id = ?2"))?;
            let rows = ids.iter().map(|id| {
                let row = statement.query_row(params![key.0, id], RawRecord::read);
                row.optional()
            });
            rows.filter_map(Result::transpose).collect()
        })?;
        rows.into_iter().map(|row| self.parsed(row)).collect()
    }

    fn one_record(&self, key: CollectionKey, column: &str, value: &str) -> Result<Option<Record>> {
        let records = self.select(&format!("{column} = ?2"), params![key.0, value])?;
        Ok(records.into_iter().next())
    }

    /// The location of the record with this id.
    pub(crate) fn location_of(&self, key: CollectionKey, id: &str) -> Result<Option<String>> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT place FROM records WHERE collection = ?1 AND id = ?2")?
                .query_row(params![key.0, id], |row| row.get(0))
                .optional()
        })
    }

    /// The records of a collection (the first parameter) that match a condition.
    fn select(&self, condition: &str, parameters: impl Params) -> Result<Vec<Record>> {
        let rows: Vec<RawRecord> = self.read(|connection| {
            connection
                .prepare_cached(&select(condition))?
                .query_map(parameters, RawRecord::read)?
                .collect()
        })?;
        rows.into_iter().map(|row| self.parsed(row)).collect()
    }

    fn parsed(&self, row: RawRecord) -> Result<Record> {
        let mut record = row.parse()?;
        record.file = record.file.map(|file| self.found(file));
        Ok(record)
    }

    /// The ids of the records with this content hash.
    pub(crate) fn ids_with_hash(&self, key: CollectionKey, hash: &str) -> Result<Vec<String>> {
        self.read(|connection| {
            connection
                .prepare_cached(&format!(
                    "SELECT id FROM records WHERE collection = ?1 AND {HAS_HASH}"
                ))?
                .query_map(params![key.0, hash], |row| row.get(0))?
                .collect()
        })
    }

    /// The records with this content hash.
    pub(crate) fn records_with_hash(&self, key: CollectionKey, hash: &str) -> Result<Vec<Record>> {
        self.select(HAS_HASH, params![key.0, hash])
    }

    /// Up to `limit` records whose locations begin with `start`, sorted by location, after `after`.
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
            .position(|record| !record.location.starts_with(start));
        records.truncate(end.unwrap_or(records.len()));
        Ok(records)
    }

    /// Up to `limit` records that a source named first, sorted by location, after `after`.
    pub(crate) fn records_of_source(
        &self,
        key: CollectionKey,
        source: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<Record>> {
        self.select(
            "source = (SELECT id FROM sources WHERE collection = ?1 AND place = ?2) AND place > ?3
             ORDER BY place LIMIT ?4",
            params![key.0, source, after, limit as i64],
        )
    }

    /// The files in a folder or below it that pictures of any collection have. Reads all records.
    pub(crate) fn files_below(&self, folder: &Path) -> Result<Vec<String>> {
        let start = below(&folder.to_string_lossy());
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT DISTINCT coalesce(file, place) FROM records
                     WHERE instr(coalesce(file, place), ?1) = 1",
                )?
                .query_map([&start], |row| row.get(0))?
                .collect()
        })
    }

    /// How many pictures of a collection have no value for a metadata key, from file or source.
    pub(crate) fn count_without(&self, key: CollectionKey, name: &str) -> Result<u64> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT count(*) FROM records WHERE collection = ?1 AND NOT missing
                     AND facts ->> ?2 IS NULL AND metadata ->> ?2 IS NULL",
                )?
                .query_row(params![key.0, name], |row| {
                    row.get(0).map(i64::cast_unsigned)
                })
        })
    }

    /// The ids of pictures that aren't missing, sorted by date in either direction; then those without a
    /// date, sorted by id. At most `limit` after the first `skipped`.
    pub(crate) fn ids_by_date(
        &self,
        key: CollectionKey,
        is_newest_first: bool,
        skipped: usize,
        limit: usize,
    ) -> Result<Vec<String>> {
        let of_all = "FROM records WHERE collection = ?1 AND NOT missing";
        let ids = |condition: &str, skipped: usize, limit: usize| {
            self.read(|connection| {
                connection
                    .prepare_cached(&format!(
                        "SELECT id {of_all} {condition} LIMIT ?3 OFFSET ?2"
                    ))?
                    .query_map(params![key.0, skipped as i64, limit as i64], |row| {
                        row.get(0)
                    })?
                    .collect::<rusqlite::Result<Vec<String>>>()
            })
        };
        if is_newest_first {
            // Pictures without a date come last.
            return ids(&format!("ORDER BY {TAKEN} DESC, id"), skipped, limit);
        }
        let dated = format!("AND {TAKEN} IS NOT NULL");
        let mut found = ids(
            &format!("{dated} ORDER BY {TAKEN}, id DESC"),
            skipped,
            limit,
        )?;
        if found.len() < limit {
            let before: i64 = self.read(|connection| {
                connection
                    .prepare_cached(&format!("SELECT count(*) {of_all} {dated}"))?
                    .query_row([key.0], |row| row.get(0))
            })?;
            let skipped = skipped.saturating_sub(before.unsigned_abs() as usize);
            let undated = format!("AND {TAKEN} IS NULL ORDER BY id");
            found.extend(ids(&undated, skipped, limit - found.len())?);
        }
        Ok(found)
    }

    /// The given pictures without the missing ones, in the order of [`ids_by_date`](Self::ids_by_date).
    pub(crate) fn in_order_of_date(
        &self,
        key: CollectionKey,
        ids: &[String],
        is_newest_first: bool,
    ) -> Result<Vec<String>> {
        let ids = serde_json::json!(ids).to_string();
        let order = if is_newest_first {
            format!("{TAKEN} DESC, records.id")
        } else {
            // Pictures without a date are sorted by id in both directions.
            format!(
                "{TAKEN} IS NULL, {TAKEN}, CASE WHEN {TAKEN} IS NULL THEN records.id END, records.id DESC"
            )
        };
        self.read(|connection| {
            connection
                // The `CROSS JOIN` looks up each id. Otherwise, SQLite might scan all pictures.
                .prepare_cached(&format!(
                    "SELECT records.id FROM json_each(?2) AS wanted
                     CROSS JOIN records ON collection = ?1 AND records.id = wanted.value
                     WHERE NOT missing ORDER BY {order}"
                ))?
                .query_map(params![key.0, ids], |row| row.get(0))?
                .collect()
        })
    }

    /// The sources that named records of a collection.
    pub(crate) fn sources(&self, key: CollectionKey) -> Result<Vec<String>> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT place FROM sources WHERE collection = ?1 ORDER BY place")?
                .query_map([key.0], |row| row.get(0))?
                .collect()
        })
    }

    /// The stored columns of a source.
    pub(crate) fn columns(&self, key: CollectionKey, source: &str) -> Result<Option<String>> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT columns FROM sources WHERE collection = ?1 AND place = ?2")?
                .query_row(params![key.0, source], |row| row.get(0))
                .optional()
                .map(Option::flatten)
        })
    }

    /// Stores the columns of a source.
    pub(crate) fn keep_columns(
        &self,
        key: CollectionKey,
        source: &str,
        columns: &str,
    ) -> Result<()> {
        self.run(|connection| {
            connection
                .prepare_cached(
                    "INSERT INTO sources (collection, place, columns)
                     SELECT id, ?2, ?3 FROM collections WHERE id = ?1
                     ON CONFLICT (collection, place) DO UPDATE SET columns = excluded.columns",
                )?
                .execute(params![key.0, source, columns])
                .map(drop)
        })
    }

    /// Marks the ids of records that are about to change as unfinished, until
    /// [`replace_records`](Catalogue::replace_records) has changed them.
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

    /// The ids of unfinished records, whose change was interrupted.
    pub(crate) fn unfinished(&self, key: CollectionKey) -> Result<Vec<String>> {
        self.read(|connection| {
            connection
                .prepare("SELECT id FROM unfinished WHERE collection = ?1")?
                .query_map([key.0], |row| row.get(0))?
                .collect()
        })
    }

    /// Up to `limit` records sorted by id, after `after`.
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

    /// Deletes `gone` and writes `records` in one transaction. No record is unfinished afterwards.
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
                if let Some(source) = &record.source {
                    transaction
                        .prepare_cached(
                            "INSERT OR IGNORE INTO sources (collection, place) VALUES (?1, ?2)",
                        )?
                        .execute(params![key.0, source])?;
                }
                // A trigger deletes the replaced records.
                transaction
                    .prepare_cached(&format!(
                        "INSERT OR REPLACE INTO records (collection, {RECORD}, source)
                         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,
                                 ?16, (SELECT id FROM sources WHERE collection = ?1 AND place = ?17))"
                    ))?
                    .execute(params![
                        key.0,
                        record.id,
                        record.location,
                        record.hash,
                        record.width,
                        record.height,
                        record.captions,
                        record.metadata,
                        record.bytes as i64,
                        record.modified,
                        record.facts,
                        record.missing,
                        record.file,
                        record.changed,
                        record.contributions,
                        record.colour,
                        record.source
                    ])?;
            }
            transaction.execute("DELETE FROM unfinished WHERE collection = ?1", [key.0])?;
            transaction.commit()
        })
    }

    /// The ids of the records that match an FTS5 expression, best first.
    pub(crate) fn ids_with_keywords(
        &self,
        key: CollectionKey,
        expression: &str,
    ) -> Result<Vec<String>> {
        self.read(|connection| {
            connection
                .prepare_cached(keywords::MATCHES)?
                .query_map(params![key.0, expression], |row| row.get(0))?
                .collect()
        })
    }
}

/// A record as stored: lists and objects are JSON text.
struct RawRecord {
    id: String,
    location: String,
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
    changed: Option<i64>,
    contributions: String,
    /// `0xrrggbb`.
    colour: Option<u32>,
    source: Option<String>,
}

impl RawRecord {
    fn read(row: &Row<'_>) -> rusqlite::Result<RawRecord> {
        Ok(RawRecord {
            id: row.get(0)?,
            location: row.get(1)?,
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
            changed: row.get(12)?,
            contributions: row.get(13)?,
            colour: row.get(14)?,
            source: row.get(15)?,
        })
    }

    fn parse(self) -> Result<Record> {
        let damaged = |source| Error::DamagedRecord {
            id: self.id.clone(),
            source,
        };
        let metadata = serde_json::from_str(&self.metadata).map_err(damaged)?;
        let source = self.source.as_ref();
        let contributions = contribution::of_json(&self.contributions, source, &metadata);
        Ok(Record {
            captions: serde_json::from_str(&self.captions).map_err(damaged)?,
            contributions: contributions.map_err(damaged)?,
            metadata,
            facts: serde_json::from_str(&self.facts).map_err(damaged)?,
            id: self.id,
            location: self.location,
            hash: self.hash,
            stamp: FileStamp {
                bytes: self.bytes,
                modified: self.modified,
                changed: self.changed,
            },
            width: self.width,
            height: self.height,
            colour: self.colour.map(|colour| {
                let [_, red, green, blue] = colour.to_be_bytes();
                [red, green, blue]
            }),
            missing: self.missing,
            file: self.file,
            source: self.source,
        })
    }

    fn serialise(record: &Record) -> Result<RawRecord> {
        let damaged = |source| Error::DamagedRecord {
            id: record.id.clone(),
            source,
        };
        Ok(RawRecord {
            id: record.id.clone(),
            location: record.location.clone(),
            hash: record.hash.clone(),
            width: record.width,
            height: record.height,
            colour: record
                .colour
                .map(|[red, green, blue]| u32::from_be_bytes([0, red, green, blue])),
            captions: serde_json::to_string(&record.captions).map_err(damaged)?,
            metadata: serde_json::to_string(&record.metadata).map_err(damaged)?,
            bytes: record.stamp.bytes,
            modified: record.stamp.modified,
            changed: record.stamp.changed,
            contributions: contribution::to_json(
                &record.contributions,
                record.source.as_ref(),
                &record.metadata,
            )
            .map_err(damaged)?,
            source: record.source.clone(),
            facts: serde_json::to_string(&record.facts).map_err(damaged)?,
            missing: record.missing,
            file: record.file.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use index::EngineKind;

    use super::*;
    use crate::identity::ModelIdentity;

    #[test]
    fn colours_are_kept() {
        let directory = tempfile::tempdir().unwrap();
        let catalogue = Catalogue::open(&directory.path().join("catalogue.sqlite")).unwrap();
        let model = ModelIdentity::for_tests(256);
        let engine = EngineKind::Embedded;
        catalogue
            .create_collection("birds", &model, engine)
            .unwrap();
        let key = catalogue.collection("birds").unwrap().unwrap().key;
        let record = |id: &str, colour| Record {
            id: id.to_owned(),
            location: id.to_owned(),
            colour,
            ..Record::default()
        };
        let written = [record("a", Some([1, 0, 255])), record("b", None)];
        catalogue.replace_records(key, &[], &written).unwrap();
        assert_eq!(catalogue.records(key, None, 9).unwrap(), written);
    }

    #[test]
    fn no_question_reads_all_records() {
        let directory = tempfile::tempdir().unwrap();
        let catalogue = Catalogue::open(&directory.path().join("catalogue.sqlite")).unwrap();
        let plan = |condition: &str| {
            let query = format!(
                "EXPLAIN QUERY PLAN SELECT {RECORD} FROM records WHERE collection = 1 AND {condition}"
            );
            let plan: Result<Vec<String>> = catalogue.read(|connection| {
                connection
                    .prepare(&query)?
                    .query_map([], |row| row.get("detail"))?
                    .collect()
            });
            plan.unwrap()
        };
        for (condition, expected) in [
            ("id = '2'", "records_by_id (collection=? AND id=?)"),
            ("place = '2'", "records_by_place (collection=? AND place=?)"),
            (
                &HAS_HASH.replace("?2", "'2'"),
                "records_by_hash (collection=? AND <expr>=?)",
            ),
            (
                "id > '2' ORDER BY id LIMIT 3",
                "records_by_id (collection=? AND id>?)",
            ),
        ] {
            let expected = format!("SEARCH records USING INDEX {expected}");
            assert_eq!(plan(condition), [expected], "{condition}");
        }
        // In the order of the index, without sorting.
        let by_date = plan(&format!("NOT missing ORDER BY {TAKEN} DESC, id"));
        let expected = "SEARCH records USING INDEX records_by_date (collection=?)";
        assert_eq!(by_date, [expected]);
    }
}
