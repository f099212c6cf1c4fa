use std::path::{Path, PathBuf};
use std::sync::Arc;

use clipseek::{Answer, Clipseek, FetchOptions, Question};
use index::{Embedded, IndexDescription};
use search::{AddOptions, Collection, CollectionInfo, Embedder, ModelIdentity, Store};

use crate::connections::{Columns, Grant};
use crate::models::{ModelError, Models};

/// The store with the permissions of a key. Everything else seems not to exist.
#[derive(Debug)]
pub(crate) struct View<'a> {
    clipseek: &'a Clipseek,
    store: &'a Store,
    models: &'a Models,
    grant: &'a Grant,
}

impl<'a> View<'a> {
    pub(crate) fn new(
        clipseek: &'a Clipseek,
        store: &'a Store,
        models: &'a Models,
        grant: &'a Grant,
    ) -> Self {
        Self {
            clipseek,
            store,
            models,
            grant,
        }
    }

    /// The visible metadata columns.
    pub(crate) fn columns(&self) -> &Columns {
        self.grant.columns()
    }

    /// The visible collections, sorted by name.
    pub(crate) fn collections(&self) -> search::Result<Vec<CollectionInfo>> {
        let mut collections = self.store.collections()?;
        collections.retain(|info| self.grant.sees(&info.name));
        Ok(collections)
    }

    /// A summary of the collection `name`.
    pub(crate) fn info(&self, name: &str) -> search::Result<CollectionInfo> {
        self.check(name)?;
        let info = self.store.info(name);
        info.map_err(|error| self.without_others(error))
    }

    /// The collection `name`.
    pub(crate) fn collection(&self, name: &str) -> search::Result<Collection<'a>> {
        self.check(name)?;
        let collection = self.store.collection(name);
        collection.map_err(|error| self.without_others(error))
    }

    /// Fails for a hidden collection in the same way as for a missing one.
    fn check(&self, name: &str) -> search::Result<()> {
        if self.grant.sees(name) {
            return Ok(());
        }
        let existing = self.collections()?.into_iter().map(|info| info.name);
        Err(search::Error::NoCollection {
            name: name.to_owned(),
            existing: existing.collect(),
        })
    }

    /// Removes the names of hidden collections from an error.
    fn without_others(&self, mut error: search::Error) -> search::Error {
        if let search::Error::NoCollection { existing, .. } = &mut error {
            existing.retain(|name| self.grant.sees(name));
        }
        error
    }

    /// Searches a collection.
    pub(crate) fn ask(
        &self,
        collection: &Collection<'_>,
        embedder: Option<&Embedder>,
        question: Question,
    ) -> clipseek::Result<Answer> {
        let model = embedder.map(Embedder::model);
        self.clipseek.ask(collection, model, question)
    }

    /// The model with this identity, loaded if needed.
    pub(crate) fn embedder(&self, identity: &ModelIdentity) -> Result<Arc<Embedder>, ModelError> {
        self.models.get(self.clipseek.models(), identity)
    }

    /// The model that a client names: that of a collection (see `GET /api/v1/models`), the bundled one, or one in the hub
    /// cache.
    pub(crate) fn named_embedder(&self, name: &str) -> clipseek::Result<Arc<Embedder>> {
        let mut collections = self.collections()?.into_iter();
        match collections.find(|info| info.model.reference == name) {
            Some(own) => self.embedder(&own.model).map_err(ModelError::into_reason),
            None => self.models.named(self.clipseek.models(), name),
        }
    }

    /// Loads a model that is on this machine. Errors are reported by the first request that needs it.
    pub(crate) fn warm_up(&self, model: &ModelIdentity) {
        if self.clipseek.models().are_here(model)
            && let Ok(embedder) = self.embedder(model)
        {
            let _ = embedder.model().check();
        }
    }

    /// The options for fetching pictures from URLs.
    pub(crate) fn fetch_options(&self) -> FetchOptions {
        self.clipseek.settings().fetch.clone()
    }

    /// Removes a picture from a collection, and its file if it was uploaded.
    pub(crate) fn forget(&self, collection: &str, id: &str) -> search::Result<()> {
        let opened = self.collection(collection)?;
        let record = opened.record(id)?;
        opened.forget_id(&record.id, &AddOptions::default())?;
        self.remove_upload(collection, record.path())
    }

    /// Removes an uploaded file, unless a picture uses it.
    pub(crate) fn remove_upload(&self, collection: &str, file: &Path) -> search::Result<()> {
        self.check(collection)?;
        self.store.remove_upload(collection, file)?;
        Ok(())
    }

    /// The folder of the uploads of a collection.
    pub(crate) fn uploads(&self, collection: &str) -> search::Result<PathBuf> {
        self.check(collection)?;
        Ok(self.store.uploads(collection))
    }

    /// The embedded engine, to work on the index `index`.
    pub(crate) fn engine_of(&self, index: &str) -> index::Result<&Embedded> {
        if self.grant.sees(index) {
            return Ok(self.store.engine());
        }
        let name = index.to_owned();
        Err(index::Error::IndexNotFound { name })
    }

    /// The visible indexes, sorted by name.
    pub(crate) fn indexes(&self) -> index::Result<Vec<IndexDescription>> {
        let mut indexes = self.store.engine().list_indexes()?;
        indexes.retain(|index| self.grant.sees(&index.name));
        Ok(indexes)
    }

    /// Whether the store was deleted or moved while it was in use.
    pub(crate) fn is_gone(&self) -> bool {
        self.store.engine().is_gone()
    }
}
