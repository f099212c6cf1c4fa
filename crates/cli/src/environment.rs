//! The environment variables that clipseek reads. A flag goes before its variable.

/// The directory of the store.
pub(crate) const STORE: &str = "CLIPSEEK_STORE";

/// The model: `mini` or a directory.
pub(crate) const MODEL: &str = "CLIPSEEK_MODEL";

/// The collection.
pub(crate) const COLLECTION: &str = "CLIPSEEK_COLLECTION";
