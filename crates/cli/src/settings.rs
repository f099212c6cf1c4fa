use std::path::PathBuf;
use std::sync::Arc;

use clipseek::{FetchOptions, Settings, StoreSettings};
use dataset::AllowedAddresses;

use crate::environment;
use crate::error::Error;
use crate::listener::listener;

/// The settings from the environment, with the store of `--store` if given.
///
/// # Errors
/// When `CLIPSEEK_INSTRUCTIONS` names instructions that are unknown or that the processor lacks.
pub(crate) fn settings(store: Option<PathBuf>) -> Result<Settings, Error> {
    Ok(Settings {
        store: store.or_else(environment::store),
        engines: StoreSettings {
            pinecone: environment::pinecone_settings(),
        },
        hub: environment::hub_settings().map_err(Arc::new),
        // A picture that the user names may be at any address, and fetching it is not crawling.
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
