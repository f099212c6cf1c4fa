//! The seam: what every engine does, each in its way.

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

/// Which engine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EngineKind {
    /// A directory of this machine.
    #[default]
    Embedded,
    /// Pinecone's cloud, or what speaks its API.
    Pinecone,
}

impl EngineKind {
    /// All there are.
    pub const ALL: [Self; 2] = [Self::Embedded, Self::Pinecone];

    /// Its name.
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

/// Where vectors live.
///
/// Both engines take the same and answer the same; docs/pinecone.md has the table of where they differ. Methods
/// wait for what they ask.
#[derive(Debug, Clone)]
pub enum Engine {
    /// A directory of this machine.
    Embedded(Embedded),
    /// Pinecone's cloud, or what speaks its API.
    Pinecone(Pinecone),
}

impl Engine {
    /// Which it is.
    pub fn kind(&self) -> EngineKind {
        match self {
            Self::Embedded(_) => EngineKind::Embedded,
            Self::Pinecone(_) => EngineKind::Pinecone,
        }
    }

    /// Creates an index; it can be used when this returns.
    ///
    /// # Errors
    /// `InvalidIndexName`, `InvalidDimension` or `IndexExists`.
    pub fn create_index(&self, spec: &IndexSpec, settings: &IndexSettings) -> Result<()> {
        match self {
            Self::Embedded(engine) => engine.create_index_with(spec, settings),
            Self::Pinecone(engine) => engine.create_index(spec, settings),
        }
    }

    /// The indexes there are, by name.
    ///
    /// # Errors
    /// When the engine can't be asked.
    pub fn list_indexes(&self) -> Result<Vec<IndexDescription>> {
        match self {
            Self::Embedded(engine) => engine.list_indexes(),
            Self::Pinecone(engine) => engine.list_indexes(),
        }
    }

    /// What is known of the index `name`.
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

    /// Changes the settings of the index `name`; gives them as they are now.
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

    /// Drops the index `name` with all that is in it.
    ///
    /// # Errors
    /// `IndexNotFound`, or `DeletionProtected` if its settings say so.
    pub fn drop_index(&self, name: &str) -> Result<()> {
        match self {
            Self::Embedded(engine) => engine.drop_index(name),
            Self::Pinecone(engine) => engine.drop_index(name),
        }
    }

    /// The index `name`, to work with.
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
/// A namespace is made by the first vector upserted into it; one that does not exist looks empty. The default
/// namespace is `""`. Every method fails with `IndexNotFound` once the index has been dropped.
#[derive(Debug, Clone)]
pub enum Index {
    /// In a directory of this machine.
    Embedded(EmbeddedIndex),
    /// At Pinecone, or what speaks its API.
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

    /// How its vectors are compared.
    pub fn metric(&self) -> Metric {
        match self {
            Self::Embedded(index) => index.metric(),
            Self::Pinecone(index) => index.metric(),
        }
    }

    /// The index in its directory, if it is in one: for what only that can do.
    pub fn embedded(&self) -> Option<&EmbeddedIndex> {
        match self {
            Self::Embedded(index) => Some(index),
            Self::Pinecone(_) => None,
        }
    }

    /// Inserts `vectors`, each instead of the one that had its id; gives how many were written. Of several with
    /// one id the last counts. They are kept when this returns.
    ///
    /// Bad ones are refused before any is written. After a failure on the way the embedded engine has written
    /// none, Pinecone may have written some.
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

    /// The best matches in a namespace, best first. By cosine, every vector has score 0 for a query of
    /// zeros: the embedded engine then gives the first ids.
    ///
    /// # Errors
    /// `InvalidTopK`, `DimensionMismatch`, `NotFinite`, or `VectorNotFound` for a query by an id that
    /// does not exist.
    pub fn query(&self, namespace: &str, query: &Query) -> Result<Vec<Match>> {
        match self {
            Self::Embedded(index) => index.query(namespace, query),
            Self::Pinecone(index) => index.query(namespace, query),
        }
    }

    /// The vectors with these ids, in their order; those that do not exist are left out.
    ///
    /// # Errors
    /// `IndexNotFound`.
    pub fn fetch(&self, namespace: &str, ids: &[&str]) -> Result<Vec<Vector>> {
        match self {
            Self::Embedded(index) => index.fetch(namespace, ids),
            Self::Pinecone(index) => index.fetch(namespace, ids),
        }
    }

    /// At most `limit` ids in order that begin with `prefix`; `token` is the `next` of the page before.
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

    /// How many vectors a namespace has.
    ///
    /// # Errors
    /// `IndexNotFound`.
    pub fn count(&self, namespace: &str) -> Result<u64> {
        match self {
            Self::Embedded(index) => index.count(namespace),
            Self::Pinecone(index) => index.count(namespace),
        }
    }

    /// Changes the vector `id`.
    ///
    /// # Errors
    /// `VectorNotFound`, or what `upsert` would fail with.
    pub fn update(&self, namespace: &str, id: &str, update: &Update) -> Result<()> {
        match self {
            Self::Embedded(index) => index.update(namespace, id, update),
            Self::Pinecone(index) => index.update(namespace, id, update),
        }
    }

    /// At most `limit` vectors whose metadata `filter` matches; `token` is the `next` of the page before.
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

    /// How many vectors of a namespace `filter` matches.
    ///
    /// # Errors
    /// `IndexNotFound`.
    pub fn count_matching(&self, namespace: &str, filter: &Filter) -> Result<usize> {
        match self {
            Self::Embedded(index) => index.count_matching(namespace, filter),
            Self::Pinecone(index) => index.count_matching(namespace, filter),
        }
    }

    /// Sets `metadata` in all vectors that `filter` matches; gives how many those are.
    ///
    /// # Errors
    /// `InvalidMetadata`, `InvalidMetadataKey` or `MetadataTooLarge`: then none has changed.
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

    /// Deletes vectors; gives how many there were, where the engine says so.
    ///
    /// # Errors
    /// `IndexNotFound`.
    pub fn delete(&self, namespace: &str, selection: &Selection) -> Result<Option<usize>> {
        match self {
            Self::Embedded(index) => index.delete(namespace, selection).map(Some),
            Self::Pinecone(index) => index.delete(namespace, selection).map(|()| None),
        }
    }

    /// The namespaces that there are, in order.
    ///
    /// # Errors
    /// `IndexNotFound`.
    pub fn namespaces(&self) -> Result<Vec<String>> {
        Ok(self.stats()?.namespaces.into_keys().collect())
    }

    /// What is in the index.
    ///
    /// # Errors
    /// `IndexNotFound`.
    pub fn stats(&self) -> Result<IndexStats> {
        match self {
            Self::Embedded(index) => index.stats(),
            Self::Pinecone(index) => index.stats(),
        }
    }

    /// Readies a namespace for searches after many writes, where that is for the caller to do: see
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

    /// Waits until searches of a namespace regard what was written to it through this; whether they do. Pinecone
    /// takes its time, of which it is given some.
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
