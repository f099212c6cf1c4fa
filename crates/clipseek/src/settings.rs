use std::path::{Path, PathBuf};
use std::sync::Arc;

use clip::Instructions;
use dataset::FetchOptions;
use search::StoreSettings;

use crate::event::Listener;

/// The settings of a [`Clipseek`](crate::Clipseek). The environment is not read: a program that supports variables sets these
/// fields itself.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The directory of the store: the catalogue of collections and the embedded engine. Requests without a collection
    /// need none.
    pub store: Option<PathBuf>,
    /// The settings of engines. Retries are reported to the listener; `on_retry` is ignored.
    pub engines: StoreSettings,
    /// The settings for downloads of models and data sets. The user agent is always clipseek's. An error is reported only when
    /// the hub is needed.
    pub hub: Result<hub::Settings, Arc<hub::Error>>,
    /// How to fetch query pictures from URLs.
    pub fetch: FetchOptions,
    /// The model to use if none is named; `None` for [`DEFAULT_MODEL`](crate::DEFAULT_MODEL).
    pub model: Option<String>,
    /// The vector instructions for the processor; `None` for the fastest available.
    pub instructions: Option<Instructions>,
    /// The listener for events.
    pub listener: Listener,
}

impl Settings {
    /// Settings with the store in `directory`, models in its folder `models`, and no listener.
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
