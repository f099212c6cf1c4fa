//! The rows of the database, as functions over a transaction.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::segment_name::{SegmentName, from_list, to_list};
use super::sparse_tables;
use crate::limits::check_values;
use crate::{
    Error, Filter, IndexDescription, IndexSettings, IndexSpec, Metadata, Metric, Result, Vector,
};

/// A row of `indexes`.
#[derive(Debug, Clone)]
pub(super) struct IndexRow {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) dimension: usize,
    pub(super) metric: Metric,
}

/// A row of `namespaces`.
#[derive(Debug, Clone)]
pub(super) struct NamespaceRow {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) vector_count: i64,
    pub(super) revision: i64,
    pub(super) removal_count: i64,
    pub(super) removals_since: i64,
    /// The derived files, oldest first.
    pub(super) segments: Vec<SegmentName>,
}

/// A row of `vectors`.
#[derive(Debug)]
pub(super) struct VectorRow {
    pub(super) slot: i64,
    pub(super) id: String,
    pub(super) metadata: String,
    pub(super) values: Vec<f32>,
}

impl VectorRow {
    pub(super) fn metadata(&self) -> Result<Metadata> {
        parse_metadata(self.slot, &self.metadata)
    }

    /// The vector with its sparse values, which are in another table.
    pub(super) fn into_vector(self, connection: &Connection) -> Result<Vector> {
        let sparse_values = sparse_tables::read(connection, self.slot)?;
        Ok(Vector {
            metadata: self.metadata()?,
            id: self.id,
            values: self.values,
            sparse_values,
        })
    }
}

fn parse_metadata(slot: i64, text: &str) -> Result<Metadata> {
    serde_json::from_str(text).map_err(|_| Error::DamagedVector {
        slot,
        what: "its metadata is not a JSON object",
    })
}

/// A random number, almost certainly unique.
pub(super) fn random(connection: &Connection) -> Result<u64> {
    let number: i64 = connection.query_row("SELECT random()", [], |row| row.get(0))?;
    Ok(number.cast_unsigned())
}

// --- indexes

const INDEX: &str = "SELECT id, name, dimension, metric FROM indexes";

pub(super) fn insert_index(connection: &Connection, spec: &IndexSpec) -> Result<()> {
    let inserted = connection.execute(
        "INSERT INTO indexes (name, dimension, metric) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
        params![spec.name, spec.dimension as i64, spec.metric.name()],
    )?;
    if inserted == 0 {
        Err(Error::IndexExists {
            name: spec.name.clone(),
        })
    } else {
        Ok(())
    }
}

pub(super) fn index_by_name(connection: &Connection, name: &str) -> Result<IndexRow> {
    connection
        .prepare_cached(&format!("{INDEX} WHERE name = ?1"))?
        .query_row([name], index_row)
        .optional()?
        .ok_or_else(|| Error::IndexNotFound {
            name: name.to_owned(),
        })?
}

/// Fails if `index` has been deleted, even if another with its name exists.
pub(super) fn check_index(connection: &Connection, index: &IndexRow) -> Result<()> {
    connection
        .prepare_cached("SELECT 1 FROM indexes WHERE id = ?1")?
        .query_row([index.id], |_| Ok(()))
        .optional()?
        .ok_or_else(|| Error::IndexNotFound {
            name: index.name.clone(),
        })
}

pub(super) fn indexes(connection: &Connection) -> Result<Vec<IndexRow>> {
    let mut statement = connection.prepare_cached(&format!("{INDEX} ORDER BY name"))?;
    let rows = statement.query_map([], index_row)?;
    rows.map(|row| row?).collect()
}

pub(super) fn describe(connection: &Connection, index: &IndexRow) -> Result<IndexDescription> {
    let vector_count: i64 = connection
        .prepare_cached(
            "SELECT coalesce(sum(vector_count), 0) FROM namespaces WHERE index_id = ?1",
        )?
        .query_row([index.id], |row| row.get(0))?;
    Ok(IndexDescription {
        name: index.name.clone(),
        dimension: index.dimension,
        metric: index.metric,
        vector_count: Some(vector_count.unsigned_abs()),
        host: None,
        state: None,
    })
}

/// The settings of an index. A read-only database of version 1 has none.
pub(super) fn settings(connection: &Connection, index: &IndexRow) -> Result<IndexSettings> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version < 2 {
        return Ok(IndexSettings::default());
    }
    let text: Option<String> = connection
        .prepare_cached("SELECT value FROM settings WHERE index_id = ?1")?
        .query_row([index.id], |row| row.get(0))
        .optional()?;
    let settings = text.map(|text| serde_json::from_str(&text));
    let settings = settings.transpose().map_err(|_| Error::DamagedSettings {
        index: index.name.clone(),
    })?;
    Ok(settings.unwrap_or_default())
}

pub(super) fn write_settings(
    connection: &Connection,
    index: &IndexRow,
    settings: &IndexSettings,
) -> Result<()> {
    connection.execute(
        "INSERT INTO settings (index_id, value) VALUES (?1, ?2)
         ON CONFLICT (index_id) DO UPDATE SET value = excluded.value",
        params![index.id, serde_json::json!(settings).to_string()],
    )?;
    Ok(())
}

pub(super) fn delete_index(connection: &Connection, index: &IndexRow) -> Result<()> {
    for namespace in namespaces(connection, index)? {
        delete_namespace(connection, &namespace)?;
    }
    connection.execute("DELETE FROM indexes WHERE id = ?1", [index.id])?;
    Ok(())
}

fn index_row(row: &Row<'_>) -> rusqlite::Result<Result<IndexRow>> {
    let (id, name, dimension): (_, _, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
    let metric = row.get_ref(3)?.as_str()?.parse();
    Ok(metric.map(|metric| IndexRow {
        id,
        name,
        dimension: dimension as usize,
        metric,
    }))
}

// --- namespaces

const NAMESPACE: &str = "SELECT id, name, vector_count, revision, removal_count, removals_since, \
                         segment FROM namespaces";

pub(super) fn namespace(
    connection: &Connection,
    index: &IndexRow,
    name: &str,
) -> Result<Option<NamespaceRow>> {
    check_index(connection, index)?;
    let row = connection
        .prepare_cached(&format!("{NAMESPACE} WHERE index_id = ?1 AND name = ?2"))?
        .query_row(params![index.id, name], namespace_row)
        .optional()?;
    Ok(row)
}

pub(super) fn namespace_by_id(connection: &Connection, id: i64) -> Result<Option<NamespaceRow>> {
    let row = connection
        .prepare_cached(&format!("{NAMESPACE} WHERE id = ?1"))?
        .query_row([id], namespace_row)
        .optional()?;
    Ok(row)
}

pub(super) fn namespaces(connection: &Connection, index: &IndexRow) -> Result<Vec<NamespaceRow>> {
    check_index(connection, index)?;
    let mut statement =
        connection.prepare_cached(&format!("{NAMESPACE} WHERE index_id = ?1 ORDER BY name"))?;
    let rows = statement.query_map([index.id], namespace_row)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn insert_namespace(
    connection: &Connection,
    index: &IndexRow,
    name: &str,
) -> Result<NamespaceRow> {
    connection.execute(
        "INSERT INTO namespaces (index_id, name, vector_count, revision, removal_count, \
         removals_since) VALUES (?1, ?2, 0, 0, 0, 0)",
        params![index.id, name],
    )?;
    Ok(NamespaceRow {
        id: connection.last_insert_rowid(),
        name: name.to_owned(),
        vector_count: 0,
        revision: 0,
        removal_count: 0,
        removals_since: 0,
        segments: Vec::new(),
    })
}

pub(super) fn update_namespace(connection: &Connection, namespace: &NamespaceRow) -> Result<()> {
    connection
        .prepare_cached(
            "UPDATE namespaces SET vector_count = ?2, revision = ?3, removal_count = ?4, \
             removals_since = ?5, segment = ?6 WHERE id = ?1",
        )?
        .execute(params![
            namespace.id,
            namespace.vector_count,
            namespace.revision,
            namespace.removal_count,
            namespace.removals_since,
            to_list(&namespace.segments),
        ])?;
    Ok(())
}

pub(super) fn delete_namespace(connection: &Connection, namespace: &NamespaceRow) -> Result<()> {
    sparse_tables::delete_namespace(connection, namespace.id)?;
    connection.execute(
        "DELETE FROM vectors WHERE namespace_id = ?1",
        [namespace.id],
    )?;
    connection.execute(
        "DELETE FROM removals WHERE namespace_id = ?1",
        [namespace.id],
    )?;
    connection.execute("DELETE FROM namespaces WHERE id = ?1", [namespace.id])?;
    Ok(())
}

/// The names of all derived files.
pub(super) fn segments(connection: &Connection) -> Result<Vec<String>> {
    let mut statement =
        connection.prepare("SELECT segment FROM namespaces WHERE segment IS NOT NULL")?;
    let lists = statement.query_map([], |row| row.get(0))?;
    let lists: Vec<String> = lists.collect::<rusqlite::Result<_>>()?;
    let names = lists.iter().flat_map(|list| list.split_whitespace());
    Ok(names.map(str::to_owned).collect())
}

fn namespace_row(row: &Row<'_>) -> rusqlite::Result<NamespaceRow> {
    Ok(NamespaceRow {
        id: row.get(0)?,
        name: row.get(1)?,
        vector_count: row.get(2)?,
        revision: row.get(3)?,
        removal_count: row.get(4)?,
        removals_since: row.get(5)?,
        segments: from_list(row.get::<_, Option<String>>(6)?.as_deref()),
    })
}

// --- removals

pub(super) fn insert_removal(
    connection: &Connection,
    namespace: i64,
    revision: i64,
    slot: i64,
) -> Result<()> {
    connection
        .prepare_cached("INSERT INTO removals (namespace_id, revision, slot) VALUES (?1, ?2, ?3)")?
        .execute([namespace, revision, slot])?;
    Ok(())
}

/// The slots vacated after `revision`.
pub(super) fn removals(connection: &Connection, namespace: i64, revision: i64) -> Result<Vec<i64>> {
    let mut statement = connection
        .prepare_cached("SELECT slot FROM removals WHERE namespace_id = ?1 AND revision > ?2")?;
    let rows = statement.query_map([namespace, revision], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Forgets the slots vacated up to `revision`. Returns their number.
pub(super) fn delete_removals(
    connection: &Connection,
    namespace: i64,
    revision: i64,
) -> Result<usize> {
    Ok(connection.execute(
        "DELETE FROM removals WHERE namespace_id = ?1 AND revision <= ?2",
        [namespace, revision],
    )?)
}

// --- vectors

/// Whether more than `limit` vectors are in slots above `slot`.
pub(super) fn has_more_after(
    connection: &Connection,
    namespace: i64,
    slot: i64,
    limit: usize,
) -> Result<bool> {
    let more = connection
        .prepare_cached(
            "SELECT 1 FROM vectors WHERE namespace_id = ?1 AND slot > ?2 LIMIT 1 OFFSET ?3",
        )?
        .query_row(params![namespace, slot, limit as i64], |_| Ok(()))
        .optional()?;
    Ok(more.is_some())
}

const VECTOR: &str = "SELECT slot, id, metadata, vector FROM vectors";

pub(super) fn insert_vector(
    connection: &Connection,
    namespace: i64,
    id: &str,
    metadata: &str,
    values: &[f32],
) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO vectors (namespace_id, id, metadata, vector) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![namespace, id, metadata, to_blob(values)])?;
    Ok(())
}

/// Deletes a vector by id. Returns its slot.
pub(super) fn delete_vector(
    connection: &Connection,
    namespace: i64,
    id: &str,
) -> Result<Option<i64>> {
    let slot = connection
        .prepare_cached("DELETE FROM vectors WHERE namespace_id = ?1 AND id = ?2 RETURNING slot")?
        .query_row(params![namespace, id], |row| row.get(0))
        .optional()?;
    Ok(slot)
}

/// The slots and ids of up to `limit` vectors after `after` that match `filter`, sorted by id.
pub(super) fn matching(
    connection: &Connection,
    namespace: i64,
    filter: Option<&Filter>,
    limit: usize,
    after: Option<&str>,
) -> Result<Vec<(i64, String)>> {
    let mut statement = connection.prepare_cached(
        "SELECT slot, id, metadata FROM vectors WHERE namespace_id = ?1 \
         AND (?2 IS NULL OR id > ?2) ORDER BY id",
    )?;
    let mut rows = statement.query(params![namespace, after])?;
    let mut found = Vec::new();
    while found.len() < limit
        && let Some(row) = rows.next()?
    {
        let slot = row.get(0)?;
        let matches = match filter {
            Some(filter) => {
                let text: String = row.get(2)?;
                filter.matches(&parse_metadata(slot, &text)?)
            }
            None => true,
        };
        if matches {
            found.push((slot, row.get(1)?));
        }
    }
    Ok(found)
}

/// The ids and metadata of all vectors of a namespace, without their values.
pub(super) fn for_each_metadata(
    connection: &Connection,
    namespace: i64,
    mut visit: impl FnMut(String, &Metadata),
) -> Result<()> {
    let mut statement = connection
        .prepare_cached("SELECT slot, id, metadata FROM vectors WHERE namespace_id = ?1")?;
    let mut rows = statement.query([namespace])?;
    while let Some(row) = rows.next()? {
        let text: String = row.get(2)?;
        visit(row.get(1)?, &parse_metadata(row.get(0)?, &text)?);
    }
    Ok(())
}

pub(super) fn vector_by_id(
    connection: &Connection,
    namespace: i64,
    id: &str,
) -> Result<Option<VectorRow>> {
    connection
        .prepare_cached(&format!("{VECTOR} WHERE namespace_id = ?1 AND id = ?2"))?
        .query_row(params![namespace, id], vector_row)
        .optional()?
        .transpose()
}

/// The slot of a vector.
pub(super) fn slot_of(connection: &Connection, namespace: i64, id: &str) -> Result<Option<i64>> {
    Ok(connection
        .prepare_cached("SELECT slot FROM vectors WHERE namespace_id = ?1 AND id = ?2")?
        .query_row(params![namespace, id], |row| row.get(0))
        .optional()?)
}

/// The id of the vector in `slot`.
pub(super) fn id_in(connection: &Connection, slot: i64) -> Result<String> {
    connection
        .prepare_cached("SELECT id FROM vectors WHERE slot = ?1")?
        .query_row([slot], |row| row.get(0))
        .optional()?
        .ok_or(Error::DamagedVector {
            slot,
            what: "it is missing",
        })
}

pub(super) fn vector_by_slot(connection: &Connection, slot: i64) -> Result<VectorRow> {
    connection
        .prepare_cached(&format!("{VECTOR} WHERE slot = ?1"))?
        .query_row([slot], vector_row)
        .optional()?
        .unwrap_or(Err(Error::DamagedVector {
            slot,
            what: "it is missing",
        }))
}

/// Calls `visit` with each vector in a slot above `slot`, in order of slots.
pub(super) fn for_each_vector_after(
    connection: &Connection,
    namespace: i64,
    slot: i64,
    mut visit: impl FnMut(VectorRow) -> Result<()>,
) -> Result<()> {
    let mut statement = connection.prepare_cached(&format!(
        "{VECTOR} WHERE namespace_id = ?1 AND slot > ?2 ORDER BY slot"
    ))?;
    let rows = statement.query_map([namespace, slot], vector_row)?;
    for row in rows {
        visit(row??)?;
    }
    Ok(())
}

/// Calls `visit` with each vector of a namespace, sorted by slot. For a damaged vector, passes the fault and
/// the readable part of its id.
pub(super) fn for_each_checked(
    connection: &Connection,
    index: &IndexRow,
    namespace: i64,
    mut visit: impl FnMut(i64, String, std::result::Result<Vec<f32>, &'static str>),
) -> Result<()> {
    let mut statement =
        connection.prepare(&format!("{VECTOR} WHERE namespace_id = ?1 ORDER BY slot"))?;
    let mut rows = statement.query([namespace])?;
    while let Some(row) = rows.next()? {
        let id = row.get_ref(1)?.as_bytes().unwrap_or_default();
        let id = String::from_utf8_lossy(id).into_owned();
        visit(row.get(0)?, id, checked_row(row, index)?);
    }
    Ok(())
}

/// The values of a row, or its fault.
fn checked_row(
    row: &Row<'_>,
    index: &IndexRow,
) -> Result<std::result::Result<Vec<f32>, &'static str>> {
    let slot = row.get(0)?;
    let (id, metadata) = (row.get_ref(1)?.as_str(), row.get_ref(2)?.as_str());
    let (Ok(_), Ok(metadata)) = (id, metadata) else {
        return Ok(Err("its id or metadata is not text"));
    };
    let mut values = vec![0.0; index.dimension];
    let blob = row.get_ref(3)?.as_blob().unwrap_or_default();
    let filled = fill_from_blob(slot, blob, &mut values);
    Ok(match (parse_metadata(slot, metadata), filled) {
        (Err(Error::DamagedVector { what, .. }), _)
        | (_, Err(Error::DamagedVector { what, .. })) => Err(what),
        (metadata, filled) => {
            metadata.and(filled)?;
            match check_values(&index.name, index.dimension, index.metric, &values) {
                Ok(()) => Ok(values),
                Err(Error::ZeroVector { .. }) => Err("all its values are zero"),
                Err(_) => Err("one of its values is not a finite number"),
            }
        }
    })
}

/// Deletes the vector in `slot`.
pub(super) fn delete_slot(connection: &Connection, slot: i64) -> Result<()> {
    connection.execute("DELETE FROM vectors WHERE slot = ?1", [slot])?;
    Ok(())
}

/// The number of vectors in a namespace, by counting.
pub(super) fn count_vectors(connection: &Connection, namespace: i64) -> Result<i64> {
    let sql = "SELECT count(*) FROM vectors WHERE namespace_id = ?1";
    Ok(connection.query_row(sql, [namespace], |row| row.get(0))?)
}

/// Reads the vector in `slot`: its values into `values`, its id as the result.
pub(super) fn read_values(
    connection: &Connection,
    slot: i64,
    values: &mut [f32],
) -> Result<String> {
    connection
        .prepare_cached("SELECT id, vector FROM vectors WHERE slot = ?1")?
        .query_row([slot], |row| {
            let id = row.get(0)?;
            Ok(fill_from_blob(slot, row.get_ref(1)?.as_blob()?, values).map(|()| id))
        })
        .optional()?
        .unwrap_or(Err(Error::DamagedVector {
            slot,
            what: "it is missing",
        }))
}

/// Up to `limit` sorted ids after `after` that begin with `prefix`.
pub(super) fn ids(
    connection: &Connection,
    namespace: i64,
    prefix: &str,
    limit: usize,
    after: Option<&str>,
) -> Result<Vec<String>> {
    // In the sort order, all ids that begin with `prefix` are consecutive, beginning at it.
    let mut statement = connection.prepare_cached(
        "SELECT id FROM vectors WHERE namespace_id = ?1 AND id >= ?2 AND (?3 IS NULL OR id > ?3) \
         ORDER BY id",
    )?;
    let start = after.map_or(prefix, |after| after.max(prefix));
    let rows = statement.query_map(params![namespace, start, after], |row| row.get(0))?;
    let mut ids = Vec::new();
    for id in rows.take(limit) {
        let id: String = id?;
        if !id.starts_with(prefix) {
            break;
        }
        ids.push(id);
    }
    Ok(ids)
}

fn vector_row(row: &Row<'_>) -> rusqlite::Result<Result<VectorRow>> {
    let slot = row.get(0)?;
    let (id, metadata) = (row.get(1)?, row.get(2)?);
    let blob = row.get_ref(3)?.as_blob()?;
    let mut values = vec![0.0; blob.len() / 4];
    Ok(fill_from_blob(slot, blob, &mut values).map(|()| VectorRow {
        slot,
        id,
        metadata,
        values,
    }))
}

fn to_blob(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

fn fill_from_blob(slot: i64, blob: &[u8], values: &mut [f32]) -> Result<()> {
    if blob.len() != 4 * values.len() {
        return Err(Error::DamagedVector {
            slot,
            what: "its values have the wrong length",
        });
    }
    for (value, bytes) in values.iter_mut().zip(blob.as_chunks::<4>().0) {
        *value = f32::from_le_bytes(*bytes);
    }
    Ok(())
}
