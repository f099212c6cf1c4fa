//! Sparse values: those of each vector, and an inverted index of them in the same database. Both change in the
//! transaction that changes the vector, and a search reads what its own values share with others.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};

use super::scan::Found;
use super::tables;
use crate::score::{Scorer, to_f32};
use crate::{Error, Filter, Metric, Query, Result, SparseValues};

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

/// The sparse values of the vector in `slot`, if it has any. A database of an earlier version that cannot be
/// written to has none.
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
            what: "its sparse values have another length",
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

/// Deletes the sparse values of the vector in `slot`, if it has any.
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

/// Deletes the sparse values of all vectors of a namespace, which are still there.
pub(super) fn delete_namespace(connection: &Connection, namespace: i64) -> Result<()> {
    connection.execute(
        "DELETE FROM sparse WHERE slot IN (SELECT slot FROM vectors WHERE namespace_id = ?1)",
        [namespace],
    )?;
    connection.execute("DELETE FROM postings WHERE namespace_id = ?1", [namespace])?;
    Ok(())
}

/// The products of `values` with those of all vectors that share an index with it, by their slots.
fn products(
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
    // In an order that does not depend on how the query is written: sums of floats do.
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

/// What a search by sparse values looks for.
pub(super) struct Search<'a> {
    values: &'a [f32],
    sparse_values: &'a SparseValues,
    top_k: usize,
    filter: Option<&'a Filter>,
}

impl<'a> Search<'a> {
    pub(super) fn of(query: &'a Query, values: &'a [f32], sparse_values: &'a SparseValues) -> Self {
        Self {
            values,
            sparse_values,
            top_k: query.top_k,
            filter: query.filter.as_ref(),
        }
    }
}

/// The vectors whose products of both kinds are largest, largest first, equal ones by id; among sparse vectors,
/// those that share an index with it.
///
/// `dense` gives so many of the best by their dense values alone. Those that share no index are among them, if
/// they are to be among the best: for each that the sparse values put behind, one more is asked for.
pub(super) fn search(
    connection: &Connection,
    namespace: i64,
    search: &Search<'_>,
    dense: impl FnOnce(usize) -> Result<Vec<Found>>,
) -> Result<Vec<Found>> {
    let products = products(connection, namespace, search.sparse_values)?;
    let scorer = Scorer::new(Metric::Dotproduct, search.values);
    let mut values = vec![0.0; search.values.len()];
    let mut candidates = Vec::with_capacity(products.len());
    for (&slot, product) in &products {
        let id = tables::read_values(connection, slot, &mut values)?;
        let score = to_f32(scorer.dot(&values) + product);
        candidates.push(Found { id, slot, score });
    }
    if !search.values.is_empty() {
        let behind = products.values().filter(|product| **product < 0.0).count();
        let others = dense(search.top_k + behind)?.into_iter();
        candidates.extend(others.filter(|found| !products.contains_key(&found.slot)));
    }
    candidates.sort_unstable_by(|one, other| {
        let by_score = other.score.total_cmp(&one.score);
        by_score.then_with(|| one.id.cmp(&other.id))
    });
    best(connection, candidates, search)
}

/// The first of `candidates` that the filter matches.
fn best(
    connection: &Connection,
    candidates: Vec<Found>,
    search: &Search<'_>,
) -> Result<Vec<Found>> {
    let mut best = Vec::new();
    for found in candidates {
        if best.len() == search.top_k {
            break;
        }
        let matches = match search.filter {
            Some(filter) => {
                filter.matches(&tables::vector_by_slot(connection, found.slot)?.metadata()?)
            }
            None => true,
        };
        if matches {
            best.push(found);
        }
    }
    Ok(best)
}
