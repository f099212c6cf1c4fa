use std::path::{Path, PathBuf};
use std::sync::Arc;

use clip::Instructions;
use dataset::FetchOptions;
use search::StoreSettings;

use crate::event::Listener;

/// What a [`Clipseek`](crate::Clipseek) works with. Nothing is read from the environment: a program that wants its
/// variables to count reads them and sets these fields.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The directory of the store: the catalogue of collections, and the embedded engine. What concerns no collection
    /// goes without.
    pub store: Option<PathBuf>,
    /// How the store's engines are reached. Their retries are told to the listener, whatever `on_retry` says.
    pub engines: StoreSettings,
    /// How models and datasets are downloaded. The user agent is always clipseek's. What is wrong with it concerns those alone who need the hub.
    pub hub: Result<hub::Settings, Arc<hub::Error>>,
    /// How the pictures of queries are fetched that are given as URLs.
    pub fetch: FetchOptions,
    /// The model that is used where none is named; `None` for [`DEFAULT_MODEL`](crate::DEFAULT_MODEL).
    pub model: Option<String>,
    /// The vector instructions that models compute with on the processor; `None` for the quickest there are.
    pub instructions: Option<Instructions>,
    /// Is told what happens on the way.
    pub listener: Listener,
}

impl Settings {
    /// The store in `directory`, models in its folder `models`, and nothing to be told.
    pub fn in_directory(directory: &Path) -> Settings {
        Settings {
            store: Some(directory.to_owned()),
            engines: StoreSettings::default(),
            hub: Ok(hub::Settings::new(directory.join("models"))),
            fetch: FetchOptions::default(),
            model: None,
            instructions: None,
            listener: Listener::default(),
        }
    }
}
