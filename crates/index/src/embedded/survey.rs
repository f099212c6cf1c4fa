//! Facts about a namespace that need no ranking.

use super::index::EmbeddedIndex;
use super::{scan, tables};
use crate::limits::is_zero;
use crate::{Error, Filter, Metric, Result};

/// A state of a namespace. It changes with each transaction that changes the namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Revision {
    /// The namespace's own id, which a later namespace of its name doesn't have; 0 if it doesn't exist.
    namespace: i64,
    number: i64,
}

impl EmbeddedIndex {
    /// The state of a namespace.
    ///
    /// # Errors
    /// `IndexNotFound`.
    pub fn revision(&self, namespace: &str) -> Result<Revision> {
        let row = self
            .engine()
            .read(|transaction| tables::namespace(transaction, self.row(), namespace))?;
        Ok(row.map_or_else(Revision::default, |row| Revision {
            namespace: row.id,
            number: row.revision,
        }))
    }

    /// The number of vectors of a namespace that match `filter` and score `least` or better for the dense
    /// values `query`.
    ///
    /// Exact: the number of matches of a query with a large enough `top_k`. Takes about as long as a query
    /// for a few.
    ///
    /// # Errors
    /// `DimensionMismatch`, `NotFinite`, or `SparseOnly` for an index without dense values.
    pub fn count_scoring(
        &self,
        namespace: &str,
        query: &[f32],
        least: f32,
        filter: Option<&Filter>,
    ) -> Result<usize> {
        self.check_query(query, None)?;
        let condition = filter.map(Filter::condition);
        let is_alike = is_zero(query) && self.metric() == Metric::Cosine;
        let counted = self
            .engine()
            .read_view(self.row(), namespace, |transaction, view| {
                if is_alike {
                    // All scores are 0 by definition, not by a cosine that could be bounded.
                    return Ok(usize::from(least <= 0.0) * scan::count(view, condition));
                }
                scan::count_scoring(transaction, view, query, least, condition)
            })?;
        Ok(counted.map_or(0, |(count, _)| count))
    }

    /// The ids of the vectors of a namespace that match `filter`, in the order of writing. `None` if there
    /// are more than `limit`.
    ///
    /// # Errors
    /// `SparseOnly` for an index without dense values.
    pub fn ids_matching(
        &self,
        namespace: &str,
        filter: &Filter,
        limit: usize,
    ) -> Result<Option<Vec<String>>> {
        self.check_dense()?;
        let found = self
            .engine()
            .read_view(self.row(), namespace, |transaction, view| {
                let slots = scan::slots(view, filter.condition());
                if slots.len() > limit {
                    return Ok(None);
                }
                let ids = slots
                    .into_iter()
                    .map(|slot| tables::id_in(transaction, slot));
                ids.collect::<Result<Vec<String>>>().map(Some)
            })?;
        Ok(found.map_or(Some(Vec::new()), |(ids, _)| ids))
    }

    /// The ids whose vectors match `filter`, in their order.
    ///
    /// # Errors
    /// `SparseOnly` for an index without dense values.
    pub fn retain_matching(
        &self,
        namespace: &str,
        filter: &Filter,
        mut ids: Vec<String>,
    ) -> Result<Vec<String>> {
        self.check_dense()?;
        let found = self
            .engine()
            .read_view(self.row(), namespace, |transaction, view| {
                let matching = scan::slots(view, filter.condition());
                let mut slots = Vec::with_capacity(ids.len());
                for id in &ids {
                    slots.push(tables::slot_of(transaction, view.subject.namespace, id)?);
                }
                let mut slots = slots.into_iter();
                ids.retain(|_| {
                    let slot = slots.next().flatten();
                    slot.is_some_and(|slot| matching.binary_search(&slot).is_ok())
                });
                Ok(ids)
            })?;
        Ok(found.map_or_else(Vec::new, |(ids, _)| ids))
    }

    fn check_dense(&self) -> Result<()> {
        match self.dimension() {
            0 => Err(Error::SparseOnly {
                index: self.name().to_owned(),
            }),
            _ => Ok(()),
        }
    }
}
