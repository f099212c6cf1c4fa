use std::path::Path;
use std::sync::{Arc, OnceLock};

use index::OnRetry;
use search::{Collection, Store, StoreSettings};

use crate::error::{Error, Result};
use crate::event::{Event, Note};
use crate::models::Models;
use crate::settings::Settings;

/// The collection to use if none is named.
pub const DEFAULT_COLLECTION: &str = "default";

/// The application: a store with its collections, and the available models.
///
/// [`new`](Self::new) opens nothing. The store is opened on first use, models when they are loaded.
#[derive(Debug)]
pub struct Clipseek {
    settings: Settings,
    models: Models,
    store: OnceLock<Arc<Store>>,
}

impl Clipseek {
    /// Creates the application with these settings.
    pub fn new(settings: Settings) -> Clipseek {
        Clipseek {
            models: Models::new(&settings),
            settings,
            store: OnceLock::new(),
        }
    }

    /// The available models.
    pub fn models(&self) -> &Models {
        &self.models
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The store, created if needed.
    ///
    /// # Errors
    /// [`Error::NoStore`] if the settings have none, [`Error::Search`] if its directory cannot be used.
    pub fn store(&self) -> Result<&Arc<Store>> {
        if let Some(store) = self.store.get() {
            return Ok(store);
        }
        let store = Store::open_with(self.directory()?, self.engines())?;
        if let Some(notice) = store.engine().notice() {
            self.settings.listener.note(Note::Store { notice });
        }
        Ok(self.store.get_or_init(|| Arc::new(store)))
    }

    /// The existing store. Unlike [`store`](Self::store), it creates none, so that a mistyped name is noticed.
    ///
    /// # Errors
    /// [`Error::NoCollections`] if there is none, and the errors of [`store`](Self::store).
    pub fn existing_store(&self) -> Result<&Arc<Store>> {
        let directory = self.directory()?;
        // Opening a file fails with a better error.
        if Store::is_at(directory) || directory.is_file() {
            return self.store();
        }
        Err(Error::NoCollections {
            store: directory.to_owned(),
        })
    }

    fn directory(&self) -> Result<&Path> {
        self.settings.store.as_deref().ok_or(Error::NoStore)
    }

    /// The collection `name`; without a name `default`, or the only one.
    ///
    /// # Errors
    /// The errors of [`collection_name`](Self::collection_name), and [`Error::Search`] if the collection cannot be used.
    pub fn collection(&self, name: Option<&str>) -> Result<Collection<'_>> {
        let name = self.collection_name(name)?;
        Ok(self.existing_store()?.collection(&name)?)
    }

    /// The name of the same collection.
    ///
    /// # Errors
    /// [`Error::NoCollections`] if there are none, [`Error::WhichCollection`] if there are several.
    pub fn collection_name(&self, name: Option<&str>) -> Result<String> {
        // An empty variable counts as unset.
        if let Some(name) = name.filter(|name| !name.is_empty()) {
            return Ok(name.to_owned());
        }
        let store = self.existing_store()?;
        let collections = store.collections()?.into_iter();
        let mut names: Vec<String> = collections.map(|info| info.name).collect();
        if names.iter().any(|name| name == DEFAULT_COLLECTION) {
            names = vec![DEFAULT_COLLECTION.to_owned()];
        }
        match names.as_slice() {
            [] => Err(Error::NoCollections {
                store: store.directory().to_owned(),
            }),
            [name] => Ok(name.clone()),
            _ => Err(Error::WhichCollection { names }),
        }
    }

    /// The settings of engines, with retries reported to the listener.
    pub(crate) fn engines(&self) -> StoreSettings {
        let mut settings = self.settings.engines.clone();
        let listener = self.settings.listener.clone();
        settings.pinecone.on_retry = OnRetry::new(move |error, wait| {
            listener.send(Event::EngineRetry { error, wait });
        });
        settings
    }

    /// Reports that another process is waited for.
    pub(crate) fn report_waiting(&self) {
        self.settings.listener.send(Event::WaitingForWriter);
    }
}
