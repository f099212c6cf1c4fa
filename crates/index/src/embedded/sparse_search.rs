//! The search by sparse values, through an inverted index.

use rusqlite::Connection;

use super::found::Found;
use super::{sparse_tables, tables};
use crate::score::{Scorer, to_f32};
use crate::{Filter, Metric, Query, Result, SparseValues};

/// The parameters of a search by sparse values.
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

/// The vectors with the largest sum of both products, largest first, equal ones sorted by id. In an index of
/// sparse vectors, only those that share an index with the query.
///
/// `dense` returns the given number of the best by dense values alone. This covers all vectors that share no
/// index with the query but may be among the best: for each vector that sparse values rank lower, one more is
/// requested.
pub(super) fn search(
    connection: &Connection,
    namespace: i64,
    search: &Search<'_>,
    dense: impl FnOnce(usize) -> Result<Vec<Found>>,
) -> Result<Vec<Found>> {
    let products = sparse_tables::products(connection, namespace, search.sparse_values)?;
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

/// The first of `candidates` that match the filter.
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
