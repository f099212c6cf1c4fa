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

/// How a store reaches the engines beyond this machine.
#[derive(Clone, Debug, Default)]
pub struct StoreSettings {
    /// How Pinecone is asked, where a collection has its vectors there.
    pub pinecone: PineconeSettings,
}

/// Where the vectors of a new collection go.
#[derive(Clone, Debug, Default)]
pub struct Placement {
    /// The engine; by default that of the collection, if it is there, or this machine.
    pub engine: Option<EngineKind>,
    /// Where in that.
    pub deployment: Option<Deployment>,
}

impl Store {
    /// Opens the store in `directory` with the default settings. Makes it if it is not there.
    pub fn open(directory: &Path) -> Result<Store> {
        Self::open_with(directory, StoreSettings::default())
    }

    /// Opens the store in `directory` with these settings. Makes it if it is not there.
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

    /// Whether there is a store in `directory`.
    pub fn is_at(directory: &Path) -> bool {
        directory.join(CATALOGUE).exists()
    }

    /// Where the store is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where pictures lie that were fetched for the collection of that name. They are found there wherever the store
    /// is.
    pub fn downloads(&self, collection: &str) -> PathBuf {
        self.directory.join(DOWNLOADS).join(collection)
    }

    /// The engine of this kind. Pinecone is asked as the settings say.
    ///
    /// # Errors
    /// When the settings have no key, or no valid address.
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

    /// The engine of this machine, for raw vectors.
    pub fn engine(&self) -> &Embedded {
        &self.engine
    }

    /// The collections, in the order of their names.
    pub fn collections(&self) -> Result<Vec<CollectionInfo>> {
        let rows = self.catalogue.collections()?;
        Ok(rows.into_iter().map(CollectionInfo::from).collect())
    }

    /// The collection of that name at a glance.
    pub fn info(&self, name: &str) -> Result<CollectionInfo> {
        Ok(self.row(name)?.into())
    }

    /// The collection of that name.
    ///
    /// # Errors
    /// `IndexGone` if its engine has no index of its name any more, `OtherIndex` if it is not the collection's.
    pub fn collection(&self, name: &str) -> Result<Collection<'_>> {
        let row = self.row(name)?;
        match self.engine_of(row.engine)?.index(name) {
            Ok(index) => match is_of(&index, &row.model) {
                true => Ok(Collection::new(&self.catalogue, row, index)),
                false => Err(Error::OtherIndex {
                    dimension: index.dimension(),
                    metric: index.metric(),
                    expected: row.model.dimension,
                    collection: row.name,
                    engine: row.engine,
                }),
            },
            Err(index::Error::IndexNotFound { .. }) => Err(Error::IndexGone {
                collection: row.name,
                engine: row.engine,
            }),
            Err(error) => Err(error.into()),
        }
    }

    /// The same, for who fills it. An index that is missing, after an interrupted deletion or because somebody
    /// deleted it, is made anew where `deployment` says: adding the sources again fills it.
    ///
    /// # Errors
    /// When the index cannot be made.
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
                    // Another process has just made it.
                    Ok(()) | Err(index::Error::IndexExists { .. }) => self.collection(name),
                    Err(error) => Err(error.into()),
                }
            }
            collection => collection,
        }
    }

    /// Whether the collection of that name has pictures below `folder`, missing ones too.
    ///
    /// # Errors
    /// `NoCollection`.
    pub fn has_below(&self, name: &str, folder: &str) -> Result<bool> {
        let key = self.row(name)?.key;
        let first = self.catalogue.records_below(key, &below(folder), "", 1)?;
        Ok(!first.is_empty())
    }

    /// What [`Collection::keep_columns`] has kept of a source of the collection of that name, if both are there.
    pub fn columns(&self, name: &str, source: &str) -> Result<Option<String>> {
        match self.catalogue.collection(name)? {
            Some(row) => self.catalogue.columns(row.key, source),
            None => Ok(None),
        }
    }

    /// Whether the collection of that name, if it is there, has pictures that a source named first.
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

    /// Refuses a name that no collection may have.
    pub fn check_name(name: &str) -> Result<()> {
        if is_collection_name(name) {
            return Ok(());
        }
        Err(Error::CollectionName {
            name: name.to_owned(),
        })
    }

    /// The collection of that name, made for `model` if it is not there. Its captions will be embedded by
    /// the text model of `model`.
    ///
    /// One that is empty, as an `add` of nothing but bad pictures leaves it, takes another model.
    ///
    /// # Errors
    /// When it was made with another model, or has captions that another text model embedded.
    pub fn collection_or_new(&self, name: &str, model: &ModelIdentity) -> Result<Collection<'_>> {
        self.collection_or_new_at(name, model, &Placement::default())
    }

    /// The same, with its vectors in an engine of one's choice.
    ///
    /// # Errors
    /// Also when the collection is there, in another engine.
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
            // An interrupted deletion may have left the files of another collection of that name.
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

    /// Refuses another engine than that of the collection, if it is there.
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

    /// Whether there is a collection of that name, of another model, with nothing in it.
    fn is_void_for(&self, name: &str, model: &ModelIdentity) -> Result<bool> {
        let Some(row) = self.catalogue.collection(name)? else {
            return Ok(false);
        };
        Ok(row.pictures + row.missing == 0
            && row.model.fingerprint != model.fingerprint
            && self.catalogue.unfinished(row.key)?.is_empty())
    }

    /// The collection remembering where `model`, which is its own, was found this time.
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

    /// The collection with the texts of `model` for its captions; it takes another's only as long as it has none.
    fn with_texts_of<'store>(
        &'store self,
        collection: Collection<'store>,
        model: &ModelIdentity,
    ) -> Result<Collection<'store>> {
        if collection.model().text_fingerprint() == model.text_fingerprint() {
            return Ok(collection);
        }
        match self
            .catalogue
            .set_text_model(collection.key(), model.text.as_ref())?
        {
            true => self.collection(collection.name()),
            false => Err(collection.other_text_model()),
        }
    }

    /// Makes the index of a new collection. One that is there already is taken if it is empty and
    /// fits, as an interrupted call leaves it, or if another process has just made the collection.
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

    /// Deletes a collection with its records and vectors, when it is the turn; false if it was stopped before. The
    /// pictures' files stay.
    pub fn delete_collection(&self, name: &str, options: &AddOptions<'_>) -> Result<bool> {
        let AddOptions { stop, waiting, .. } = *options;
        let Some(_turn) = self.catalogue.turn(name, stop, waiting)? else {
            return Ok(false);
        };
        let row = self.row(name)?;
        // Vectors first: an interruption leaves a collection that can be deleted again.
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

/// Whether the vectors of `model` are kept in this index as a collection's are.
fn is_of(index: &Index, model: &ModelIdentity) -> bool {
    (index.dimension(), index.metric()) == (model.dimension, Metric::Cosine)
}

/// The index of a collection.
fn spec(name: &str, model: &ModelIdentity) -> IndexSpec {
    IndexSpec {
        name: name.to_owned(),
        dimension: model.dimension,
        metric: Metric::Cosine,
    }
}

/// A collection's name is its index's, so it has the form that every engine takes.
fn is_collection_name(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=45).contains(&name.len())
        && name.bytes().all(inner)
        && !name.starts_with('-')
        && !name.ends_with('-')
}
