//! The tables of sparse values: those of each vector, and an inverted index. Both change in the transaction
//! that changes the vector.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};

use crate::{Error, Result, SparseValues};

/// Writes the sparse values of the vector in `slot`.
pub(super) fn insert(
    connection: &Connection,
    namespace: i64,
    slot: i64,
    values: &SparseValues,
) -> Result<()> {
    connection
        .prepare_cached("INSERT INTO sparse (slot, pairs) VALUES (?1, ?2)")?
        .execute(params![slot, values.to_bytes()])?;
    let mut posting = connection.prepare_cached(
        "INSERT INTO postings (namespace_id, at, slot, value) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for (at, value) in values.pairs() {
        posting.execute(params![namespace, at, slot, f64::from(value)])?;
    }
    Ok(())
}

/// The sparse values of the vector in `slot`, if any. A read-only database of an earlier version has none.
pub(super) fn read(connection: &Connection, slot: i64) -> Result<Option<SparseValues>> {
    if !has_tables(connection)? {
        return Ok(None);
    }
    let bytes: Option<Vec<u8>> = connection
        .prepare_cached("SELECT pairs FROM sparse WHERE slot = ?1")?
        .query_row([slot], |row| row.get(0))
        .optional()?;
    let read = |bytes: Vec<u8>| {
        SparseValues::from_bytes(&bytes).ok_or(Error::DamagedVector {
            slot,
            what: "its sparse values have the wrong length",
        })
    };
    bytes.map(read).transpose()
}

fn has_tables(connection: &Connection) -> Result<bool> {
    let version: i64 = connection
        .prepare_cached("PRAGMA user_version")?
        .query_row([], |row| row.get(0))?;
    Ok(version >= 3)
}

/// Deletes the sparse values of the vector in `slot`, if any.
pub(super) fn delete(connection: &Connection, namespace: i64, slot: i64) -> Result<()> {
    let bytes: Option<Vec<u8>> = connection
        .prepare_cached("DELETE FROM sparse WHERE slot = ?1 RETURNING pairs")?
        .query_row([slot], |row| row.get(0))
        .optional()?;
    let values = bytes.as_deref().and_then(SparseValues::from_bytes);
    let Some(values) = values else { return Ok(()) };
    let mut posting = connection
        .prepare_cached("DELETE FROM postings WHERE namespace_id = ?1 AND at = ?2 AND slot = ?3")?;
    for at in values.indices {
        posting.execute(params![namespace, at, slot])?;
    }
    Ok(())
}

/// Deletes the sparse values of all vectors of a namespace. The vectors must still exist.
pub(super) fn delete_namespace(connection: &Connection, namespace: i64) -> Result<()> {
    connection.execute(
        "DELETE FROM sparse WHERE slot IN (SELECT slot FROM vectors WHERE namespace_id = ?1)",
        [namespace],
    )?;
    connection.execute("DELETE FROM postings WHERE namespace_id = ?1", [namespace])?;
    Ok(())
}

/// The products of `values` with those of all vectors that share an index with it, by slot.
pub(super) fn products(
    connection: &Connection,
    namespace: i64,
    values: &SparseValues,
) -> Result<HashMap<i64, f64>> {
    let mut products = HashMap::new();
    if !has_tables(connection)? {
        return Ok(products);
    }
    let mut postings = connection
        .prepare_cached("SELECT slot, value FROM postings WHERE namespace_id = ?1 AND at = ?2")?;
    // Sorted, so that the order of the query's values doesn't affect the sums of floats.
    let mut pairs: Vec<_> = values.pairs().collect();
    pairs.sort_unstable_by_key(|(at, _)| *at);
    for (at, weight) in pairs {
        let mut rows = postings.query(params![namespace, at])?;
        while let Some(row) = rows.next()? {
            let (slot, value): (i64, f64) = (row.get(0)?, row.get(1)?);
            *products.entry(slot).or_default() += f64::from(weight) * value;
        }
    }
    Ok(products)
}
