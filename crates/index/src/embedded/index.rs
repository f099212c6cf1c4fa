use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use rusqlite::Connection;

use super::change::{Change, Outcome};
use super::check::{self, Report};
use super::found::Found;
use super::publish::{TAIL_LIMIT, has_many_removals};
use super::scan;
use super::shared::{Shared, lock};
use super::tables::{self, IndexRow};
use super::view::View;
use super::{sparse_search, sparse_tables};
use crate::limits::{
    check_both, check_id, check_namespace, check_query, check_top_k, checked_metadata, is_zero,
};
use crate::{
    Error, Filter, IndexStats, Match, Metadata, Metric, NamespaceStats, Query, QueryBy, Result,
    Selection, SparseValues, Update, Vector,
};

/// Vectors that [`EmbeddedIndex::vectors`] reads at a time.
const PAGE: usize = 256;

/// A query's values: dense and sparse.
type Sought<'a> = (Cow<'a, [f32]>, Option<Cow<'a, SparseValues>>);

/// An index of an [`Embedded`](super::Embedded) engine.
///
/// The first vector upserted into a namespace creates it, and its last deletes it; a missing namespace looks
/// empty. The default namespace is `""`. Every method fails with `IndexNotFound` after the index was deleted,
/// and with `Database` or `Busy` if SQLite does.
#[derive(Debug, Clone)]
pub struct EmbeddedIndex {
    engine: Arc<Shared>,
    row: IndexRow,
}

impl EmbeddedIndex {
    pub(super) fn new(engine: Arc<Shared>, row: IndexRow) -> Self {
        Self { engine, row }
    }

    pub(super) fn engine(&self) -> &Arc<Shared> {
        &self.engine
    }

    pub(super) fn row(&self) -> &IndexRow {
        &self.row
    }

    /// The index's name.
    pub fn name(&self) -> &str {
        &self.row.name
    }

    /// The dimension of its vectors.
    pub fn dimension(&self) -> usize {
        self.row.dimension
    }

    /// Whether `other` is the same index, not a later one with its name.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.engine, &other.engine) && self.row.id == other.row.id
    }

    /// The metric of its vectors.
    pub fn metric(&self) -> Metric {
        self.row.metric
    }

    /// Inserts or replaces `vectors`. Returns the number written.
    ///
    /// All are written or none, and they are on the disk when this returns. If an id occurs twice, the last
    /// one counts.
    ///
    /// # Errors
    /// `InvalidId`, `InvalidNamespace`, `DimensionMismatch`, `NotFinite`, `ZeroVector` (cosine),
    /// `InvalidMetadata`, `InvalidMetadataKey` or `MetadataTooLarge`.
    pub fn upsert(&self, namespace: &str, vectors: &[Vector]) -> Result<usize> {
        check_namespace(namespace)?;
        let vectors = self.checked(vectors)?;
        if vectors.is_empty() {
            return self
                .engine
                .read(|transaction| tables::check_index(transaction, &self.row).map(|()| 0));
        }
        self.change(namespace, |change| {
            for (vector, metadata) in &vectors {
                let sparse_values = vector.sparse_values.as_ref();
                change.replace(&vector.id, metadata, &vector.values, sparse_values)?;
            }
            Ok(vectors.len())
        })
    }

    /// The vectors to write, with their metadata as JSON: the last of each id.
    fn checked<'a>(&self, vectors: &'a [Vector]) -> Result<Vec<(&'a Vector, String)>> {
        let mut last = HashMap::with_capacity(vectors.len());
        for (position, vector) in vectors.iter().enumerate() {
            check_id(&vector.id)?;
            self.check_both(&vector.values, vector.sparse_values.as_ref())?;
            last.insert(vector.id.as_str(), position);
        }
        let kept = vectors
            .iter()
            .enumerate()
            .filter(|(position, vector)| last.get(vector.id.as_str()) == Some(position));
        kept.map(|(_, vector)| Ok((vector, checked_metadata(&vector.id, &vector.metadata)?)))
            .collect()
    }

    /// The best matches in a namespace, best first; equal scores sorted by id.
    ///
    /// Results are exact: the same as comparing every vector. By cosine, every vector has score 0 for an
    /// all-zero query, so the first ids match.
    ///
    /// # Errors
    /// `InvalidTopK`, `DimensionMismatch`, `NotFinite`, or `VectorNotFound` if a query's id doesn't exist.
    pub fn query(&self, namespace: &str, query: &Query) -> Result<Vec<Match>> {
        check_top_k(query.top_k)?;
        if let QueryBy::Values(values) = &query.by {
            self.check_query(values, query.sparse_vector.as_ref())?;
        }
        let found = match self.row.dimension {
            0 => self.query_sparse(namespace, query)?,
            _ if self.has_no_cosine(query) => self.first(namespace, query)?,
            _ => self.query_dense(namespace, query)?,
        };
        match (found, &query.by) {
            (Some(matches), _) => Ok(matches),
            (None, QueryBy::Id(id)) => Err(self.not_found(namespace, id)),
            (None, QueryBy::Values(_)) => Ok(Vec::new()),
        }
    }

    /// The matches by dense values and, if given, sparse ones; `None` if the namespace doesn't exist.
    fn query_dense(&self, namespace: &str, query: &Query) -> Result<Option<Vec<Match>>> {
        let found = self
            .engine
            .read_view(&self.row, namespace, |transaction, view| {
                let space = view.subject.namespace;
                let (values, sparse_values) =
                    self.query_values(transaction, space, namespace, query)?;
                let condition = query.filter.as_ref().map(Filter::condition);
                let dense = |top_k| scan::search(transaction, view, &values, top_k, condition);
                let found = match sparse_values.as_deref() {
                    Some(sparse_values) => {
                        let search = sparse_search::Search::of(query, &values, sparse_values);
                        sparse_search::search(transaction, space, &search, dense)?
                    }
                    None => dense(query.top_k)?,
                };
                filled(transaction, query, found)
            })?;
        Ok(found.map(|(matches, view)| {
            self.replace_files_if_lacking(namespace, &view);
            matches
        }))
    }

    /// Whether the query is all-zero under cosine, so that all scores are 0.
    fn has_no_cosine(&self, query: &Query) -> bool {
        let is_zero = matches!(&query.by, QueryBy::Values(values) if is_zero(values));
        is_zero && self.row.metric == Metric::Cosine
    }

    /// The first vectors that match the query's filter, all with score 0; `None` if the namespace doesn't
    /// exist.
    fn first(&self, namespace: &str, query: &Query) -> Result<Option<Vec<Match>>> {
        self.engine.read(|transaction| {
            let Some(row) = tables::namespace(transaction, &self.row, namespace)? else {
                return Ok(None);
            };
            let filter = query.filter.as_ref();
            let first = tables::matching(transaction, row.id, filter, query.top_k, None)?;
            let first = first.into_iter().map(|(slot, id)| Found {
                id,
                slot,
                score: 0.0,
            });
            filled(transaction, query, first.collect()).map(Some)
        })
    }

    /// The matches in an index of sparse vectors; `None` if the namespace doesn't exist.
    fn query_sparse(&self, namespace: &str, query: &Query) -> Result<Option<Vec<Match>>> {
        self.engine.read(|transaction| {
            let Some(row) = tables::namespace(transaction, &self.row, namespace)? else {
                return Ok(None);
            };
            let (values, sparse_values) =
                self.query_values(transaction, row.id, namespace, query)?;
            let sparse_values = sparse_values.ok_or_else(|| Error::SparseOnly {
                index: self.row.name.clone(),
            })?;
            let search = sparse_search::Search::of(query, &values, &sparse_values);
            let found = sparse_search::search(transaction, row.id, &search, |_| Ok(Vec::new()))?;
            filled(transaction, query, found).map(Some)
        })
    }

    /// The dense and sparse values of a query.
    fn query_values<'a>(
        &self,
        connection: &Connection,
        space: i64,
        namespace: &str,
        query: &'a Query,
    ) -> Result<Sought<'a>> {
        let sparse_values = query.sparse_vector.as_ref().map(Cow::Borrowed);
        let id = match &query.by {
            QueryBy::Values(values) => return Ok((Cow::Borrowed(values), sparse_values)),
            QueryBy::Id(id) => id,
        };
        let row = tables::vector_by_id(connection, space, id)?
            .ok_or_else(|| self.not_found(namespace, id))?;
        let stored = sparse_tables::read(connection, row.slot)?.map(Cow::Owned);
        let sparse_values = sparse_values.or(stored);
        self.check_both(&row.values, sparse_values.as_deref())?;
        Ok((Cow::Owned(row.values), sparse_values))
    }

    /// Checks the derived files of a namespace. Writes missing or damaged files, and a new one if many
    /// vectors have none.
    ///
    /// Writes do this too when it pays off. After the last of many writes, it spares the queries of new
    /// processes this work. A missing namespace is ignored.
    ///
    /// # Errors
    /// `Io` or `DiskFull` if a file can't be written, `ReadOnly`.
    pub fn refresh(&self, namespace: &str) -> Result<()> {
        self.engine.database.check_writable()?;
        if self.row.dimension == 0 {
            return Ok(());
        }
        let _publishing = lock(&self.engine.publishing);
        *lock(&self.engine.newest_view(&self.row, namespace)) = None;
        let view = self.engine.read_view(&self.row, namespace, |_, _| Ok(()))?;
        match view {
            Some(((), view)) if view.row().segments.is_empty() || is_worth_a_file(&view) => {
                self.engine.publish(&self.row, namespace, &view, true)
            }
            _ => Ok(()),
        }
    }

    /// Checks a namespace: that each vector is valid, that their number is right, and that the derived files
    /// match them. The codes of one vector in `one_in` are computed again; 1 means all. A missing namespace
    /// is sound.
    ///
    /// # Errors
    /// `IndexNotFound`.
    pub fn check(&self, namespace: &str, one_in: usize) -> Result<Report> {
        self.engine.read(|transaction| {
            match tables::namespace(transaction, &self.row, namespace)? {
                Some(row) => check::check(transaction, &self.engine, &self.row, &row, one_in),
                None => Ok(Report::default()),
            }
        })
    }

    /// What SQLite's integrity check of the index's database reports: see [`Embedded::check`].
    ///
    /// # Errors
    /// `Database` if the file is too damaged to check.
    ///
    /// [`Embedded::check`]: super::Embedded::check
    pub fn check_database(&self) -> Result<Vec<String>> {
        self.engine
            .read(|transaction| check::check_database(transaction))
    }

    /// Repairs a namespace: deletes damaged vectors, counts the others and rebuilds the derived files.
    /// Returns the result of a full [`check`](Self::check) before; its `damaged` vectors are deleted now.
    ///
    /// # Errors
    /// `ReadOnly`, and those of [`refresh`](Self::refresh).
    pub fn repair(&self, namespace: &str) -> Result<Report> {
        self.engine.database.check_writable()?;
        let report = self.check(namespace, 1)?;
        let row = self
            .engine
            .read(|transaction| tables::namespace(transaction, &self.row, namespace))?;
        if let Some(row) = row.filter(|_| !report.is_sound()) {
            check::repair(&self.engine, row.id, &report.damaged)?;
            self.refresh(namespace)?;
        }
        Ok(report)
    }

    /// Writes derived files after a change that left them too old. Ignores errors and doesn't wait: without
    /// the files, searches only start slower.
    fn publish(&self, namespace: &str) {
        if let Ok(_publishing) = self.engine.publishing.try_lock()
            && self.engine.can_publish()
            && let Ok(Some(((), view))) = self.engine.read_view(&self.row, namespace, |_, _| Ok(()))
        {
            let _ = self.engine.publish(&self.row, namespace, &view, true);
        }
    }

    /// Writes a file of what this query had to read from the database because files are missing.
    fn replace_files_if_lacking(&self, namespace: &str, view: &View) {
        let has_none = view.row().segments.is_empty();
        if (view.lacks_files() || has_none && view.tail_length() > TAIL_LIMIT)
            && let Ok(_publishing) = self.engine.publishing.try_lock()
            && self.engine.can_publish()
        {
            let _ = self.engine.publish(&self.row, namespace, view, false);
        }
    }

    /// The vectors with these ids, in their order, without missing ones.
    ///
    /// # Errors
    /// `IndexNotFound`.
    pub fn fetch(&self, namespace: &str, ids: &[&str]) -> Result<Vec<Vector>> {
        self.engine.read(|transaction| {
            let Some(row) = tables::namespace(transaction, &self.row, namespace)? else {
                return Ok(Vec::new());
            };
            vectors_of(transaction, row.id, ids.iter().copied())
        })
    }

    /// Up to `limit` ids, sorted by their bytes, that begin with `prefix` and come after `after`.
    ///
    /// # Errors
    /// `IndexNotFound`.
    pub fn list(
        &self,
        namespace: &str,
        prefix: &str,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Vec<String>> {
        self.engine.read(|transaction| {
            match tables::namespace(transaction, &self.row, namespace)? {
                Some(row) => tables::ids(transaction, row.id, prefix, limit, after),
                None => Ok(Vec::new()),
            }
        })
    }

    /// All vectors of a namespace, sorted by id and read in pages.
    ///
    /// Concurrent writes may or may not be included.
    pub fn vectors(&self, namespace: &str) -> Vectors<'_> {
        Vectors {
            index: self,
            namespace: namespace.to_owned(),
            page: VecDeque::new(),
            last: None,
            ended: false,
        }
    }

    /// The number of vectors in a namespace.
    ///
    /// # Errors
    /// `IndexNotFound`.
    pub fn count(&self, namespace: &str) -> Result<u64> {
        self.engine.read(|transaction| {
            let row = tables::namespace(transaction, &self.row, namespace)?;
            Ok(row.map_or(0, |row| row.vector_count.unsigned_abs()))
        })
    }

    /// Updates the vector `id`.
    ///
    /// # Errors
    /// `VectorNotFound`, or those of [`upsert`](Self::upsert).
    pub fn update(&self, namespace: &str, id: &str, update: &Update) -> Result<()> {
        let Update {
            values,
            sparse_values,
            metadata: changed,
        } = update;
        self.change(namespace, |change| {
            let old = match &change.namespace {
                Some(row) => tables::vector_by_id(change.connection, row.id, id)?,
                None => None,
            };
            let old = old.ok_or_else(|| self.not_found(namespace, id))?;
            let mut metadata = old.metadata()?;
            metadata.extend(changed.clone().unwrap_or_default());
            let metadata = checked_metadata(id, &metadata)?;
            let stored = sparse_tables::read(change.connection, old.slot)?;
            let sparse_values = sparse_values.as_ref().or(stored.as_ref());
            let values = values.as_ref().unwrap_or(&old.values);
            self.check_both(values, sparse_values)?;
            change.replace(id, &metadata, values, sparse_values)
        })
    }

    /// Up to `limit` vectors after `after` that match `filter`, sorted by id.
    ///
    /// # Errors
    /// `IndexNotFound`.
    pub fn matching(
        &self,
        namespace: &str,
        filter: &Filter,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Vec<Vector>> {
        self.engine.read(|transaction| {
            let Some(row) = tables::namespace(transaction, &self.row, namespace)? else {
                return Ok(Vec::new());
            };
            let found = tables::matching(transaction, row.id, Some(filter), limit, after)?;
            vectors_of(transaction, row.id, found.iter().map(|(_, id)| id.as_str()))
        })
    }

    /// The number of vectors in a namespace that match `filter`.
    ///
    /// # Errors
    /// `IndexNotFound`.
    pub fn count_matching(&self, namespace: &str, filter: &Filter) -> Result<usize> {
        if self.row.dimension > 0 {
            let condition = Some(filter.condition());
            let counted = self.engine.read_view(&self.row, namespace, |_, view| {
                Ok(scan::count(view, condition))
            })?;
            return Ok(counted.map_or(0, |(count, _)| count));
        }
        self.engine.read(|transaction| {
            let Some(row) = tables::namespace(transaction, &self.row, namespace)? else {
                return Ok(0);
            };
            let mut count = 0;
            tables::for_each_metadata(transaction, row.id, |_, metadata| {
                count += usize::from(filter.matches(metadata));
            })?;
            Ok(count)
        })
    }

    /// Sets `metadata` in all vectors that match `filter`. Returns their number.
    ///
    /// # Errors
    /// `InvalidMetadata`, `InvalidMetadataKey` or `MetadataTooLarge`; then nothing has changed.
    pub fn update_matching(
        &self,
        namespace: &str,
        filter: &Filter,
        metadata: &Metadata,
    ) -> Result<usize> {
        self.change(namespace, |change| {
            let Some(namespace) = change.namespace.as_ref().map(|row| row.id) else {
                return Ok(0);
            };
            let filter = Some(filter);
            let found = tables::matching(change.connection, namespace, filter, usize::MAX, None)?;
            for (_, id) in &found {
                let Some(old) = tables::vector_by_id(change.connection, namespace, id)? else {
                    continue;
                };
                let mut whole = old.metadata()?;
                whole.extend(metadata.clone());
                let stored = sparse_tables::read(change.connection, old.slot)?;
                let metadata = checked_metadata(id, &whole)?;
                change.replace(id, &metadata, &old.values, stored.as_ref())?;
            }
            Ok(found.len())
        })
    }

    /// Deletes vectors. Returns their number.
    ///
    /// # Errors
    /// `IndexNotFound`.
    pub fn delete(&self, namespace: &str, selection: &Selection) -> Result<usize> {
        match selection {
            Selection::All => self.delete_namespace(namespace),
            Selection::Ids(ids) => self.change(namespace, |change| {
                let mut deleted = 0;
                for id in ids {
                    deleted += usize::from(change.remove(id)?);
                }
                Ok(deleted)
            }),
            Selection::Filter(filter) => self.change(namespace, |change| {
                let Some(row) = &change.namespace else {
                    return Ok(0);
                };
                let mut ids = Vec::new();
                tables::for_each_metadata(change.connection, row.id, |id, metadata| {
                    if filter.matches(metadata) {
                        ids.push(id);
                    }
                })?;
                for id in &ids {
                    change.remove(id)?;
                }
                Ok(ids.len())
            }),
        }
    }

    /// The namespaces with vectors, sorted by name.
    ///
    /// # Errors
    /// `IndexNotFound`.
    pub fn namespaces(&self) -> Result<Vec<String>> {
        let rows = self
            .engine
            .read(|transaction| tables::namespaces(transaction, &self.row))?;
        Ok(rows.into_iter().map(|row| row.name).collect())
    }

    /// Deletes a namespace with all its vectors. Returns their number.
    ///
    /// # Errors
    /// `IndexNotFound`.
    pub fn delete_namespace(&self, namespace: &str) -> Result<usize> {
        let row = self.engine.write(|transaction| {
            let row = tables::namespace(transaction, &self.row, namespace)?;
            if let Some(row) = &row {
                tables::delete_namespace(transaction, row)?;
            }
            Ok(row)
        })?;
        self.engine.forget(row.as_slice());
        Ok(row.map_or(0, |row| row.vector_count as usize))
    }

    /// The contents of the index.
    ///
    /// # Errors
    /// `IndexNotFound`.
    pub fn stats(&self) -> Result<IndexStats> {
        let rows = self
            .engine
            .read(|transaction| tables::namespaces(transaction, &self.row))?;
        let namespaces: BTreeMap<_, _> = rows
            .into_iter()
            .map(|row| {
                let vector_count = row.vector_count.unsigned_abs();
                (row.name, NamespaceStats { vector_count })
            })
            .collect();
        Ok(IndexStats {
            dimension: self.row.dimension,
            metric: self.row.metric,
            total_vector_count: namespaces.values().map(|stats| stats.vector_count).sum(),
            namespaces,
        })
    }

    /// Runs `work` as one transaction on a namespace.
    fn change<T>(
        &self,
        namespace: &str,
        work: impl FnOnce(&mut Change<'_>) -> Result<T>,
    ) -> Result<T> {
        let (result, outcome) = self.engine.write(|transaction| {
            let mut change = Change::begin(transaction, &self.row, namespace)?;
            let result = work(&mut change)?;
            Ok((result, change.end()?))
        })?;
        match outcome {
            Outcome::Near => {}
            Outcome::Far => self.publish(namespace),
            Outcome::Gone(row) => self.engine.forget(&[row]),
        }
        Ok(result)
    }

    fn check_both(&self, values: &[f32], sparse_values: Option<&SparseValues>) -> Result<()> {
        let IndexRow {
            name,
            dimension,
            metric,
            ..
        } = &self.row;
        check_both(name, *dimension, *metric, values, sparse_values)
    }

    pub(super) fn check_query(
        &self,
        values: &[f32],
        sparse_values: Option<&SparseValues>,
    ) -> Result<()> {
        let IndexRow {
            name,
            dimension,
            metric,
            ..
        } = &self.row;
        check_query(name, *dimension, *metric, values, sparse_values)
    }

    fn not_found(&self, namespace: &str, id: &str) -> Error {
        Error::VectorNotFound {
            index: self.row.name.clone(),
            namespace: namespace.to_owned(),
            id: id.to_owned(),
        }
    }
}

/// Whether enough of `view` is only in memory for a file to pay off.
fn is_worth_a_file(view: &View) -> bool {
    /// The database yields this many in a few milliseconds.
    const NO_TIME: usize = 1024;
    view.lacks_files() || view.tail_length() > NO_TIME || has_many_removals(view.row())
}

/// The vectors of a namespace with these ids, in their order, without missing ones.
fn vectors_of<'a>(
    connection: &Connection,
    namespace: i64,
    ids: impl Iterator<Item = &'a str>,
) -> Result<Vec<Vector>> {
    ids.map(|id| tables::vector_by_id(connection, namespace, id))
        .filter_map(Result::transpose)
        .map(|row| row?.into_vector(connection))
        .collect()
}

fn filled(connection: &Connection, query: &Query, found: Vec<Found>) -> Result<Vec<Match>> {
    let found = found.into_iter();
    found.map(|found| fill(connection, query, found)).collect()
}

/// A match with the data that `query` requests.
fn fill(connection: &Connection, query: &Query, found: Found) -> Result<Match> {
    let Found { id, slot, score } = found;
    if !query.include_values && !query.include_metadata {
        return Ok(Match {
            id,
            score,
            values: None,
            metadata: None,
            sparse_values: None,
        });
    }
    let row = tables::vector_by_slot(connection, slot)?;
    let metadata = query.include_metadata.then(|| row.metadata()).transpose()?;
    let sparse_values = if query.include_values {
        sparse_tables::read(connection, slot)?
    } else {
        None
    };
    Ok(Match {
        id,
        score,
        values: query.include_values.then_some(row.values),
        metadata,
        sparse_values,
    })
}

/// The vectors of a namespace sorted by id: see [`EmbeddedIndex::vectors`].
#[derive(Debug)]
pub struct Vectors<'a> {
    index: &'a EmbeddedIndex,
    namespace: String,
    page: VecDeque<Vector>,
    last: Option<String>,
    ended: bool,
}

impl Vectors<'_> {
    fn read_page(&mut self) -> Result<()> {
        let last = self.last.as_deref();
        let ids = self.index.list(&self.namespace, "", PAGE, last)?;
        self.ended = ids.len() < PAGE;
        let borrowed: Vec<_> = ids.iter().map(String::as_str).collect();
        self.page = self.index.fetch(&self.namespace, &borrowed)?.into();
        self.last = ids.into_iter().next_back();
        Ok(())
    }
}

impl Iterator for Vectors<'_> {
    type Item = Result<Vector>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.page.is_empty() && !self.ended {
            if let Err(error) = self.read_page() {
                self.ended = true;
                return Some(Err(error));
            }
        }
        self.page.pop_front().map(Ok)
    }
}
