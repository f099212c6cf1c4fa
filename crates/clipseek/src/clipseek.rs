use std::path::Path;
use std::sync::{Arc, OnceLock};

use index::OnRetry;
use search::{Collection, Store, StoreSettings};

use crate::error::{Error, Result};
use crate::event::{Event, Note};
use crate::models::Models;
use crate::settings::Settings;

/// The collection that is used where none is named.
pub const DEFAULT_COLLECTION: &str = "default";

/// The application: a store with its collections, and the models that are at hand.
///
/// Making one opens nothing. The store is opened when it is first needed, each model when it is loaded.
#[derive(Debug)]
pub struct Clipseek {
    settings: Settings,
    models: Models,
    store: OnceLock<Arc<Store>>,
}

impl Clipseek {
    /// The application with these settings.
    pub fn new(settings: Settings) -> Clipseek {
        Clipseek {
            models: Models::new(&settings),
            settings,
            store: OnceLock::new(),
        }
    }

    /// The models at hand.
    pub fn models(&self) -> &Models {
        &self.models
    }

    /// The settings it was made with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The store, made if it is not there.
    ///
    /// # Errors
    /// [`Error::NoStore`] if the settings name none, [`Error::Search`] if its directory cannot be used.
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

    /// The store to look at what is in it: none is made of a mistyped name.
    ///
    /// # Errors
    /// [`Error::NoCollections`] if there is none; those of [`store`](Self::store).
    pub fn existing_store(&self) -> Result<&Arc<Store>> {
        let directory = self.directory()?;
        // What is a file is no store, which opening it says.
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

    /// The collection of that name; without a name the default one, or the only one there is.
    ///
    /// # Errors
    /// Those of [`collection_name`](Self::collection_name), and [`Error::Search`] if the collection cannot be used.
    pub fn collection(&self, name: Option<&str>) -> Result<Collection<'_>> {
        let name = self.collection_name(name)?;
        Ok(self.existing_store()?.collection(&name)?)
    }

    /// The name of that collection.
    ///
    /// # Errors
    /// [`Error::NoCollections`] if there are none, [`Error::WhichCollection`] if one has to be named.
    pub fn collection_name(&self, name: Option<&str>) -> Result<String> {
        // An empty variable names none.
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

    /// How engines are reached, with retries told to the listener.
    pub(crate) fn engines(&self) -> StoreSettings {
        let mut settings = self.settings.engines.clone();
        let listener = self.settings.listener.clone();
        settings.pinecone.on_retry = OnRetry::new(move |error, wait| {
            listener.tell(Event::EngineRetry { error, wait });
        });
        settings
    }

    /// Says that another process is waited for.
    pub(crate) fn tell_of_waiting(&self) {
        self.settings.listener.tell(Event::WaitingForWriter);
    }
}
