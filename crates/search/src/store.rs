use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use index::{
    Deployment, Embedded, Engine, EngineKind, Index, IndexSettings, IndexSpec, Metric, Pinecone,
    PineconeSettings,
};

use crate::catalogue::{Catalogue, CollectionRow, DOWNLOADS};
use crate::collection::{Collection, CollectionInfo};
use crate::error::{Error, Result};
use crate::identity::ModelIdentity;
use crate::ingest::options::AddOptions;
use crate::missing::below;

const CATALOGUE: &str = "catalogue.sqlite";

/// A local directory with the catalogue and the embedded engine. Several processes may open it.
#[derive(Debug)]
pub struct Store {
    directory: PathBuf,
    pub(crate) catalogue: Catalogue,
    engine: Embedded,
    pinecone: OnceLock<Pinecone>,
    settings: StoreSettings,
}

/// How a store connects to remote engines.
#[derive(Clone, Debug, Default)]
pub struct StoreSettings {
    /// The connection to Pinecone, for collections whose vectors are there.
    pub pinecone: PineconeSettings,
}

/// Where the vectors of a new collection are stored.
#[derive(Clone, Debug, Default)]
pub struct Placement {
    /// The engine. The default is the engine of an existing collection, and the embedded one for a new
    /// collection.
    pub engine: Option<EngineKind>,
    /// The deployment within the engine.
    pub deployment: Option<Deployment>,
}

impl Store {
    /// Opens the store in `directory` with the default settings. Creates it if it doesn't exist.
    ///
    /// # Errors
    /// As [`open_with`](Self::open_with).
    pub fn open(directory: &Path) -> Result<Store> {
        Self::open_with(directory, StoreSettings::default())
    }

    /// Opens the store in `directory`. Creates it if it doesn't exist.
    ///
    /// # Errors
    /// [`Error::StoreIsFile`], [`Error::Store`] if the directory can't be created, [`Error::Catalogue`],
    /// [`Error::NotACatalogue`], [`Error::NewerCatalogue`], and [`Error::Index`] from the embedded engine.
    pub fn open_with(directory: &Path, settings: StoreSettings) -> Result<Store> {
        if directory.is_file() {
            return Err(Error::StoreIsFile {
                path: directory.to_owned(),
            });
        }
        fs::create_dir_all(directory).map_err(|source| Error::Store {
            path: directory.to_owned(),
            source,
        })?;
        Ok(Store {
            directory: directory.to_owned(),
            catalogue: Catalogue::open(&directory.join(CATALOGUE))?,
            engine: Embedded::open(&directory.join("embedded"))?,
            pinecone: OnceLock::new(),
            settings,
        })
    }

    /// Whether `directory` contains a store.
    pub fn is_at(directory: &Path) -> bool {
        directory.join(CATALOGUE).exists()
    }

    /// The store's directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The folder of the pictures downloaded for a collection. It moves with the store.
    pub fn downloads(&self, collection: &str) -> PathBuf {
        self.directory.join(DOWNLOADS).join(collection)
    }

    /// Returns the engine of this kind, connected as the settings say.
    ///
    /// # Errors
    /// [`Error::Index`] if Pinecone's settings lack a key or have an invalid address.
    pub fn engine_of(&self, kind: EngineKind) -> Result<Engine> {
        match (kind, self.pinecone.get()) {
            (EngineKind::Embedded, _) => Ok(Engine::Embedded(self.engine.clone())),
            (EngineKind::Pinecone, Some(engine)) => Ok(Engine::Pinecone(engine.clone())),
            (EngineKind::Pinecone, None) => {
                let engine = Pinecone::new(self.settings.pinecone.clone())?;
                Ok(Engine::Pinecone(
                    self.pinecone.get_or_init(|| engine).clone(),
                ))
            }
        }
    }

    /// The embedded engine, for raw vectors.
    pub fn engine(&self) -> &Embedded {
        &self.engine
    }

    /// Returns all collections, sorted by name.
    ///
    /// # Errors
    /// [`Error::Catalogue`] and [`Error::DamagedRecord`].
    pub fn collections(&self) -> Result<Vec<CollectionInfo>> {
        let rows = self.catalogue.collections()?;
        Ok(rows.into_iter().map(CollectionInfo::from).collect())
    }

    /// Returns a summary of one collection.
    ///
    /// # Errors
    /// [`Error::NoCollection`], [`Error::Catalogue`] and [`Error::DamagedRecord`].
    pub fn info(&self, name: &str) -> Result<CollectionInfo> {
        Ok(self.row(name)?.into())
    }

    /// Opens a collection.
    ///
    /// # Errors
    /// [`Error::NoCollection`]; [`Error::IndexGone`] if its engine no longer has an index of this name;
    /// [`Error::OtherIndex`] if that index doesn't fit the collection; [`Error::Catalogue`],
    /// [`Error::DamagedRecord`] and [`Error::Index`].
    pub fn collection(&self, name: &str) -> Result<Collection<'_>> {
        let row = self.row(name)?;
        match self.engine_of(row.engine)?.index(name) {
            Ok(index) => {
                if is_of(&index, &row.model) {
                    Ok(Collection::new(&self.catalogue, row, index))
                } else {
                    Err(Error::OtherIndex {
                        dimension: index.dimension(),
                        metric: index.metric(),
                        expected: row.model.dimension,
                        collection: row.name,
                        engine: row.engine,
                    })
                }
            }
            Err(index::Error::IndexNotFound { .. }) => Err(Error::IndexGone {
                collection: row.name,
                engine: row.engine,
            }),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens a collection to add pictures to it.
    ///
    /// Creates its index again, where `deployment` says, if a deletion was interrupted or somebody deleted
    /// the index. Adding the sources again then restores the vectors.
    ///
    /// # Errors
    /// As [`collection`](Self::collection), without [`Error::IndexGone`].
    pub fn collection_to_fill(
        &self,
        name: &str,
        deployment: Option<&Deployment>,
    ) -> Result<Collection<'_>> {
        match self.collection(name) {
            Err(Error::IndexGone { engine, .. }) => {
                let row = self.row(name)?;
                let settings = settings(deployment);
                let engine = self.engine_of(engine)?;
                match engine.create_index(&spec(name, &row.model), &settings) {
                    // Another process has just created it.
                    Ok(()) | Err(index::Error::IndexExists { .. }) => self.collection(name),
                    Err(error) => Err(error.into()),
                }
            }
            collection => collection,
        }
    }

    /// Whether a collection has pictures in `folder` or its subfolders, missing ones included.
    ///
    /// # Errors
    /// [`Error::NoCollection`], [`Error::Catalogue`] and [`Error::DamagedRecord`].
    pub fn has_below(&self, name: &str, folder: &str) -> Result<bool> {
        let key = self.row(name)?.key;
        let first = self.catalogue.records_below(key, &below(folder), "", 1)?;
        Ok(!first.is_empty())
    }

    /// Returns the columns stored for a source by [`Collection::keep_columns`]; `None` if the collection or
    /// the source is unknown.
    ///
    /// # Errors
    /// [`Error::Catalogue`] and [`Error::DamagedRecord`].
    pub fn columns(&self, name: &str, source: &str) -> Result<Option<String>> {
        match self.catalogue.collection(name)? {
            Some(row) => self.catalogue.columns(row.key, source),
            None => Ok(None),
        }
    }

    /// Whether a collection has pictures that `source` named first. A missing collection has none.
    ///
    /// # Errors
    /// [`Error::Catalogue`] and [`Error::DamagedRecord`].
    pub fn has_source(&self, name: &str, source: &str) -> Result<bool> {
        let Some(row) = self.catalogue.collection(name)? else {
            return Ok(false);
        };
        let first = self.catalogue.records_of_source(row.key, source, "", 1)?;
        Ok(!first.is_empty())
    }

    fn row(&self, name: &str) -> Result<CollectionRow> {
        match self.catalogue.collection(name)? {
            Some(row) => Ok(row),
            None => Err(Error::NoCollection {
                name: name.to_owned(),
                existing: self
                    .collections()?
                    .into_iter()
                    .map(|info| info.name)
                    .collect(),
            }),
        }
    }

    /// Checks that `name` is a valid collection name.
    ///
    /// # Errors
    /// [`Error::CollectionName`].
    pub fn check_name(name: &str) -> Result<()> {
        if is_collection_name(name) {
            return Ok(());
        }
        Err(Error::CollectionName {
            name: name.to_owned(),
        })
    }

    /// Opens a collection, or creates it for `model`. The text model of `model` embeds its captions.
    ///
    /// An empty collection, such as an `add` of nothing but unreadable pictures leaves, may change its model.
    ///
    /// # Errors
    /// As [`collection_or_new_at`](Self::collection_or_new_at), without [`Error::OtherEngine`].
    pub fn collection_or_new(&self, name: &str, model: &ModelIdentity) -> Result<Collection<'_>> {
        self.collection_or_new_at(name, model, &Placement::default())
    }

    /// Opens a collection, or creates it for `model` with its vectors in the engine of `placement`.
    ///
    /// # Errors
    /// [`Error::CollectionName`]; [`Error::OtherEngine`], [`Error::OtherModel`], [`Error::OtherPrecision`]
    /// and [`Error::OtherTextModel`] if the existing collection differs; and the errors of
    /// [`collection_to_fill`](Self::collection_to_fill).
    pub fn collection_or_new_at(
        &self,
        name: &str,
        model: &ModelIdentity,
        placement: &Placement,
    ) -> Result<Collection<'_>> {
        Self::check_name(name)?;
        self.check_engine(name, placement.engine)?;
        if self.is_void_for(name, model)? {
            self.delete_collection(name, &AddOptions::default())?;
        }
        if self.catalogue.collection(name)?.is_none() {
            // An interrupted deletion may have left files of an earlier collection with this name.
            self.remove_uploads_of_deleted()?;
            self.create_index(name, model, placement)?;
            let engine = placement.engine.unwrap_or_default();
            self.catalogue.create_collection(name, model, engine)?;
        }
        let collection = self.collection_to_fill(name, placement.deployment.as_ref())?;
        collection.accept(model)?;
        let collection = self.with_texts_of(collection, model)?;
        self.refer_to(collection, model)
    }

    /// Checks that an existing collection is in `engine`.
    fn check_engine(&self, name: &str, engine: Option<EngineKind>) -> Result<()> {
        match (self.catalogue.collection(name)?, engine) {
            (Some(row), Some(given)) if row.engine != given => Err(Error::OtherEngine {
                collection: name.to_owned(),
                expected: row.engine,
                given,
            }),
            _ => Ok(()),
        }
    }

    /// Whether the collection exists, is empty and has another model.
    fn is_void_for(&self, name: &str, model: &ModelIdentity) -> Result<bool> {
        let Some(row) = self.catalogue.collection(name)? else {
            return Ok(false);
        };
        Ok(row.pictures + row.missing == 0
            && row.model.fingerprint != model.fingerprint
            && self.catalogue.unfinished(row.key)?.is_empty())
    }

    /// Stores where the collection's own `model` was found this time.
    fn refer_to<'store>(
        &'store self,
        collection: Collection<'store>,
        model: &ModelIdentity,
    ) -> Result<Collection<'store>> {
        if collection.model() == model {
            return Ok(collection);
        }
        self.catalogue.set_references(collection.key(), model)?;
        self.collection(collection.name())
    }

    /// Sets the collection's text model. Another text model is accepted only while there are no captions.
    fn with_texts_of<'store>(
        &'store self,
        collection: Collection<'store>,
        model: &ModelIdentity,
    ) -> Result<Collection<'store>> {
        if collection.model().text_fingerprint() == model.text_fingerprint() {
            return Ok(collection);
        }
        if self
            .catalogue
            .set_text_model(collection.key(), model.text.as_ref())?
        {
            self.collection(collection.name())
        } else {
            Err(collection.other_text_model())
        }
    }

    /// Creates the index of a new collection. Uses an existing index if it's empty and fits, as an
    /// interrupted call leaves it, or if another process has just created the collection.
    fn create_index(&self, name: &str, model: &ModelIdentity, placement: &Placement) -> Result<()> {
        let spec = spec(name, model);
        let settings = settings(placement.deployment.as_ref());
        let engine = self.engine_of(placement.engine.unwrap_or_default())?;
        match engine.create_index(&spec, &settings) {
            Err(error @ index::Error::IndexExists { .. }) => {
                let index = engine.index(name)?;
                let fits = is_of(&index, model);
                let is_empty = index.stats()?.total_vector_count == 0;
                if (fits && is_empty) || self.catalogue.collection(name)?.is_some() {
                    Ok(())
                } else {
                    Err(error.into())
                }
            }
            created => Ok(created?),
        }
    }

    /// Deletes a collection with its records and vectors, but not the pictures' files.
    ///
    /// Waits for the collection's write lock. Returns false if `options.stop` was set meanwhile.
    ///
    /// # Errors
    /// [`Error::NoCollection`], [`Error::Lock`], [`Error::Catalogue`], [`Error::DamagedRecord`] and
    /// [`Error::Index`].
    pub fn delete_collection(&self, name: &str, options: &AddOptions<'_>) -> Result<bool> {
        let AddOptions { stop, waiting, .. } = *options;
        let Some(_lock) = self.catalogue.write_lock(name, stop, waiting)? else {
            return Ok(false);
        };
        let row = self.row(name)?;
        // Vectors first: after an interruption, the collection can be deleted again.
        match self.engine_of(row.engine)?.drop_index(name) {
            Ok(()) | Err(index::Error::IndexNotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        self.catalogue.delete_collection(row.key)?;
        Ok(true)
    }
}

fn settings(deployment: Option<&Deployment>) -> IndexSettings {
    IndexSettings {
        deployment: deployment.cloned(),
        ..IndexSettings::default()
    }
}

/// Whether this index has the dimension and metric of a collection of `model`.
fn is_of(index: &Index, model: &ModelIdentity) -> bool {
    (index.dimension(), index.metric()) == (model.dimension, Metric::Cosine)
}

/// The specification of a collection's index.
fn spec(name: &str, model: &ModelIdentity) -> IndexSpec {
    IndexSpec {
        name: name.to_owned(),
        dimension: model.dimension,
        metric: Metric::Cosine,
    }
}

/// Whether a name is a valid collection name. It's also the index name, so it has the form that every engine
/// accepts.
fn is_collection_name(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=45).contains(&name.len())
        && name.bytes().all(inner)
        && !name.starts_with('-')
        && !name.ends_with('-')
}
