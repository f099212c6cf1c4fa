use std::path::PathBuf;
use std::sync::Arc;

use clipseek::{FetchOptions, Settings, StoreSettings};
use dataset::AllowedAddresses;

use crate::environment;
use crate::error::Error;
use crate::listener::listener;

/// The settings that the variables come to, for this store if one was named.
///
/// # Errors
/// When a variable names instructions that the processor lacks.
pub(crate) fn settings(store: Option<PathBuf>) -> Result<Settings, Error> {
    Ok(Settings {
        store: store.or_else(environment::store),
        engines: StoreSettings {
            pinecone: environment::pinecone_settings(),
        },
        hub: environment::hub_settings().map_err(Arc::new),
        // Who names a picture may have it from wherever it is, and is no crawler.
        fetch: FetchOptions {
            client: environment::client_settings(),
            allowed_addresses: AllowedAddresses::Anywhere,
            ignore_opt_out: true,
            ..FetchOptions::default()
        },
        model: environment::text(environment::MODEL),
        instructions: environment::instructions()?,
        listener: listener(),
    })
}
