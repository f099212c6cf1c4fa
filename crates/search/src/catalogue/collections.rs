use index::EngineKind;
use rusqlite::{OptionalExtension, Row, params};

use super::Catalogue;
use crate::error::Result;
use crate::identity::{ModelIdentity, TextIdentity};
use crate::metadata::Labels;

const COLLECTION: &str =
    "id, name, model, fingerprint, precision, dimension, text_model, text_fingerprint, engine,
    pictures, missing, salt";

/// The row number of a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CollectionKey(pub(super) i64);

/// A collection's row.
#[derive(Clone, Debug)]
pub(crate) struct CollectionRow {
    pub(crate) key: CollectionKey,
    pub(crate) name: String,
    pub(crate) engine: EngineKind,
    pub(crate) model: ModelIdentity,
    /// The number of pictures that aren't missing.
    pub(crate) pictures: u64,
    pub(crate) missing: u64,
    pub(crate) labels: Labels,
}

impl Catalogue {
    /// All collections, sorted by name.
    pub(crate) fn collections(&self) -> Result<Vec<CollectionRow>> {
        self.read(|connection| {
            connection
                .prepare(&format!(
                    "SELECT {COLLECTION} FROM collections ORDER BY name"
                ))?
                .query_map([], collection_row)?
                .collect()
        })
    }

    pub(crate) fn collection(&self, name: &str) -> Result<Option<CollectionRow>> {
        self.read(|connection| {
            connection
                .prepare_cached(&format!(
                    "SELECT {COLLECTION} FROM collections WHERE name = ?1"
                ))?
                .query_row([name], collection_row)
                .optional()
        })
    }

    /// The number of pictures of a collection that aren't missing, and of their captions.
    pub(crate) fn size(&self, key: CollectionKey) -> Result<(u64, u64)> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT pictures, captions FROM collections WHERE id = ?1")?
                .query_row([key.0], |row| {
                    Ok((row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64))
                })
                .optional()
                .map(Option::unwrap_or_default)
        })
    }

    /// Writes a new collection. Returns false if its name is taken.
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
                      engine, salt)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, randomblob(16)) ON CONFLICT (name) DO NOTHING",
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

    /// Writes where a collection's models are found.
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

    /// Writes the model of a collection's captions; `None` is that of its pictures. Returns false if the
    /// collection has captions, or if some are being written.
    pub(crate) fn set_text_model(
        &self,
        key: CollectionKey,
        text: Option<&TextIdentity>,
    ) -> Result<bool> {
        self.run(|connection| {
            let rows = connection.execute(
                "UPDATE collections SET text_model = ?2, text_fingerprint = ?3
                 WHERE id = ?1 AND captions = 0
                 AND (missing = 0 OR NOT EXISTS
                     (SELECT 1 FROM records WHERE collection = ?1 AND json_array_length(captions) > 0))
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
}

fn collection_row(row: &Row<'_>) -> rusqlite::Result<CollectionRow> {
    let text: (Option<String>, Option<String>) = (row.get(6)?, row.get(7)?);
    Ok(CollectionRow {
        key: CollectionKey(row.get(0)?),
        name: row.get(1)?,
        engine: engine_named(&row.get::<_, String>(8)?)?,
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
        pictures: row.get::<_, i64>(9)? as u64,
        missing: row.get::<_, i64>(10)? as u64,
        labels: Labels::of_collection(row.get(11)?),
    })
}

/// The engine with this name, which may be from a later version.
fn engine_named(name: &str) -> rusqlite::Result<EngineKind> {
    let failed = |error: index::Error| {
        rusqlite::Error::FromSqlConversionFailure(8, rusqlite::types::Type::Text, Box::new(error))
    };
    name.parse().map_err(failed)
}
