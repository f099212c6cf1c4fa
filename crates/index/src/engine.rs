//! The interface that all engines share.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::embedded::{Embedded, EmbeddedIndex};
use crate::pinecone::{Pinecone, PineconeIndex};
use crate::wire::Pagination;
use crate::{
    Error, Filter, IndexDescription, IndexSettings, IndexSpec, IndexStats, Match, Metadata, Metric,
    Page, Query, Result, Selection, Update, Vector,
};

/// The kinds of engines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EngineKind {
    /// A local directory.
    #[default]
    Embedded,
    /// Pinecone's cloud, or another server with its API.
    Pinecone,
}

impl EngineKind {
    /// All kinds.
    pub const ALL: [Self; 2] = [Self::Embedded, Self::Pinecone];

    /// The kind's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Pinecone => "pinecone",
        }
    }
}

impl fmt::Display for EngineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for EngineKind {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let kind = Self::ALL.into_iter().find(|kind| kind.name() == name);
        kind.ok_or_else(|| Error::UnknownEngine {
            got: name.to_owned(),
        })
    }
}

/// A vector engine.
///
/// All engines accept the same input and give the same results; docs/pinecone.md lists the differences.
/// Methods block.
#[derive(Debug, Clone)]
pub enum Engine {
    /// A local directory.
    Embedded(Embedded),
    /// Pinecone's cloud, or another server with its API.
    Pinecone(Pinecone),
}

impl Engine {
    /// The kind of this engine.
    pub fn kind(&self) -> EngineKind {
        match self {
            Self::Embedded(_) => EngineKind::Embedded,
            Self::Pinecone(_) => EngineKind::Pinecone,
        }
    }

    /// Creates an index. It's ready when this returns.
    ///
    /// # Errors
    /// `InvalidIndexName`, `InvalidDimension` or `IndexExists`.
    pub fn create_index(&self, spec: &IndexSpec, settings: &IndexSettings) -> Result<()> {
        match self {
            Self::Embedded(engine) => engine.create_index_with(spec, settings),
            Self::Pinecone(engine) => engine.create_index(spec, settings),
        }
    }

    /// All indexes, sorted by name.
    ///
    /// # Errors
    /// Those of the engine: `Database` or `Busy`; `Unreachable`, `Silent` or `Refused`.
    pub fn list_indexes(&self) -> Result<Vec<IndexDescription>> {
        match self {
            Self::Embedded(engine) => engine.list_indexes(),
            Self::Pinecone(engine) => engine.list_indexes(),
        }
    }

    /// The description of the index `name`.
    ///
    /// # Errors
    /// `IndexNotFound`.
    pub fn describe_index(&self, name: &str) -> Result<IndexDescription> {
        match self {
            Self::Embedded(engine) => engine.describe_index(name),
            Self::Pinecone(engine) => engine.describe_index(name),
        }
    }

    /// The settings of the index `name`.
    ///
    /// # Errors
    /// `IndexNotFound`.
    pub fn settings(&self, name: &str) -> Result<IndexSettings> {
        match self {
            Self::Embedded(engine) => engine.settings(name),
            Self::Pinecone(engine) => engine.settings(name),
        }
    }

    /// Changes the settings of the index `name`. Returns the new settings.
    ///
    /// # Errors
    /// `IndexNotFound`.
    pub fn configure_index(
        &self,
        name: &str,
        change: impl FnOnce(&mut IndexSettings),
    ) -> Result<IndexSettings> {
        match self {
            Self::Embedded(engine) => engine.configure_index(name, change),
            Self::Pinecone(engine) => engine.configure_index(name, change),
        }
    }

    /// Deletes the index `name` with all its vectors.
    ///
    /// # Errors
    /// `IndexNotFound`, or `DeletionProtected` if its settings say so.
    pub fn drop_index(&self, name: &str) -> Result<()> {
        match self {
            Self::Embedded(engine) => engine.drop_index(name),
            Self::Pinecone(engine) => engine.drop_index(name),
        }
    }

    /// Opens the index `name`.
    ///
    /// # Errors
    /// `IndexNotFound`.
    pub fn index(&self, name: &str) -> Result<Index> {
        match self {
            Self::Embedded(engine) => engine.index(name).map(Index::Embedded),
            Self::Pinecone(engine) => {
                let index = engine.index(name)?;
                Ok(Index::Pinecone(Arc::new(index)))
            }
        }
    }
}

/// An index of an [`Engine`].
///
/// The first vector upserted into a namespace creates it; a missing namespace looks empty. The default
/// namespace is `""`. Every method fails with `IndexNotFound` after the index was deleted.
#[derive(Debug, Clone)]
pub enum Index {
    /// In a local directory.
    Embedded(EmbeddedIndex),
    /// At Pinecone, or another server with its API.
    Pinecone(Arc<PineconeIndex>),
}

impl Index {
    /// The index's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Embedded(index) => index.name(),
            Self::Pinecone(index) => index.name(),
        }
    }

    /// The dimension of its vectors.
    pub fn dimension(&self) -> usize {
        match self {
            Self::Embedded(index) => index.dimension(),
            Self::Pinecone(index) => index.dimension(),
        }
    }

    /// The metric of its vectors.
    pub fn metric(&self) -> Metric {
        match self {
            Self::Embedded(index) => index.metric(),
            Self::Pinecone(index) => index.metric(),
        }
    }

    /// The index as an embedded one, if it is: for operations that only that engine has.
    pub fn embedded(&self) -> Option<&EmbeddedIndex> {
        match self {
            Self::Embedded(index) => Some(index),
            Self::Pinecone(_) => None,
        }
    }

    /// Inserts or replaces `vectors`. Returns the number written. If an id occurs twice, the last one counts.
    /// They are stored durably when this returns.
    ///
    /// Invalid vectors are refused before any is written. After a later failure, the embedded engine has
    /// written none; Pinecone may have written some.
    ///
    /// # Errors
    /// `InvalidId`, `InvalidNamespace`, `DimensionMismatch`, `NotFinite`, `ZeroVector` (cosine),
    /// `InvalidMetadata`, `InvalidMetadataKey` or `MetadataTooLarge`.
    pub fn upsert(&self, namespace: &str, vectors: &[Vector]) -> Result<usize> {
        match self {
            Self::Embedded(index) => index.upsert(namespace, vectors),
            Self::Pinecone(index) => index.upsert(namespace, vectors),
        }
    }

    /// The best matches in a namespace, best first. By cosine, every vector has score 0 for an all-zero
    /// query: the embedded engine then returns the first ids.
    ///
    /// # Errors
    /// `InvalidTopK`, `DimensionMismatch`, `NotFinite`, or `VectorNotFound` if a query's id doesn't exist.
    pub fn query(&self, namespace: &str, query: &Query) -> Result<Vec<Match>> {
        match self {
            Self::Embedded(index) => index.query(namespace, query),
            Self::Pinecone(index) => index.query(namespace, query),
        }
    }

    /// The vectors with these ids, in their order, without missing ones.
    ///
    /// # Errors
    /// `IndexNotFound`.
    pub fn fetch(&self, namespace: &str, ids: &[&str]) -> Result<Vec<Vector>> {
        match self {
            Self::Embedded(index) => index.fetch(namespace, ids),
            Self::Pinecone(index) => index.fetch(namespace, ids),
        }
    }

    /// Up to `limit` sorted ids that begin with `prefix`. `token` is the `next` of the previous page.
    ///
    /// # Errors
    /// `InvalidToken`.
    pub fn list(
        &self,
        namespace: &str,
        prefix: &str,
        limit: usize,
        token: Option<&str>,
    ) -> Result<Page<String>> {
        match self {
            Self::Embedded(index) => {
                let after = token.map(Pagination::place).transpose()?;
                let ids = index.list(namespace, prefix, limit, after.as_deref())?;
                Ok(Page::of(ids, limit, String::as_str))
            }
            Self::Pinecone(index) => index.list(namespace, prefix, limit, token),
        }
    }

    /// The number of vectors in a namespace.
    ///
    /// # Errors
    /// `IndexNotFound`.
    pub fn count(&self, namespace: &str) -> Result<u64> {
        match self {
            Self::Embedded(index) => index.count(namespace),
            Self::Pinecone(index) => index.count(namespace),
        }
    }

    /// Updates the vector `id`.
    ///
    /// # Errors
    /// `VectorNotFound`, or those of [`upsert`](Self::upsert).
    pub fn update(&self, namespace: &str, id: &str, update: &Update) -> Result<()> {
        match self {
            Self::Embedded(index) => index.update(namespace, id, update),
            Self::Pinecone(index) => index.update(namespace, id, update),
        }
    }

    /// Up to `limit` vectors that match `filter`. `token` is the `next` of the previous page.
    ///
    /// # Errors
    /// `InvalidToken`.
    pub fn matching(
        &self,
        namespace: &str,
        filter: &Filter,
        limit: usize,
        token: Option<&str>,
    ) -> Result<Page<Vector>> {
        match self {
            Self::Embedded(index) => {
                let after = token.map(Pagination::place).transpose()?;
                let vectors = index.matching(namespace, filter, limit, after.as_deref())?;
                Ok(Page::of(vectors, limit, |vector| &vector.id))
            }
            Self::Pinecone(index) => index.matching(namespace, filter, limit, token),
        }
    }

    /// The number of vectors in a namespace that match `filter`.
    ///
    /// # Errors
    /// `IndexNotFound`.
    pub fn count_matching(&self, namespace: &str, filter: &Filter) -> Result<usize> {
        match self {
            Self::Embedded(index) => index.count_matching(namespace, filter),
            Self::Pinecone(index) => index.count_matching(namespace, filter),
        }
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
        match self {
            Self::Embedded(index) => index.update_matching(namespace, filter, metadata),
            Self::Pinecone(index) => index.update_matching(namespace, filter, metadata),
        }
    }

    /// Deletes vectors. Returns their number, if the engine reports it.
    ///
    /// # Errors
    /// `IndexNotFound`.
    pub fn delete(&self, namespace: &str, selection: &Selection) -> Result<Option<usize>> {
        match self {
            Self::Embedded(index) => index.delete(namespace, selection).map(Some),
            Self::Pinecone(index) => index.delete(namespace, selection).map(|()| None),
        }
    }

    /// All namespaces, sorted by name.
    ///
    /// # Errors
    /// `IndexNotFound`.
    pub fn namespaces(&self) -> Result<Vec<String>> {
        Ok(self.stats()?.namespaces.into_keys().collect())
    }

    /// The contents of the index.
    ///
    /// # Errors
    /// `IndexNotFound`.
    pub fn stats(&self) -> Result<IndexStats> {
        match self {
            Self::Embedded(index) => index.stats(),
            Self::Pinecone(index) => index.stats(),
        }
    }

    /// Prepares a namespace for searches after many writes, if the engine needs it: see
    /// [`EmbeddedIndex::refresh`].
    ///
    /// # Errors
    /// `Io`, `DiskFull` or `ReadOnly`.
    pub fn refresh(&self, namespace: &str) -> Result<()> {
        match self {
            Self::Embedded(index) => index.refresh(namespace),
            Self::Pinecone(_) => Ok(()),
        }
    }

    /// Waits until searches of a namespace see all writes made through this index. Returns whether they do;
    /// the wait for Pinecone is limited.
    ///
    /// # Errors
    /// `IndexNotFound`.
    pub fn settle(&self, namespace: &str) -> Result<bool> {
        match self {
            Self::Embedded(_) => Ok(true),
            Self::Pinecone(index) => index.settle(namespace),
        }
    }
}
