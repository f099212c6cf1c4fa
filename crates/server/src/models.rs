use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clipseek::Device;
use lru::LruCache;
use search::{Embedder, ModelIdentity};

/// The number of loaded models that clients name and no collection has.
const NAMED: NonZeroUsize = NonZeroUsize::new(2).expect("not 0");

/// The loaded models: those of collections, and the last ones that clients named.
pub(crate) struct Models {
    /// The device; `None` for the fastest available.
    device: Option<Device>,
    of_collections: Mutex<HashMap<String, Slot>>,
    named: Mutex<LruCache<String, Arc<Embedder>>>,
}

/// A model, locked while it is loaded so that other requests wait for it.
type Slot = Arc<Mutex<Option<Arc<Embedder>>>>;

/// Why a model could not be loaded.
#[derive(Debug, thiserror::Error)]
#[error("could not load model `{reference}`: {}", with_causes(reason))]
pub(crate) struct ModelError {
    reference: String,
    reason: clipseek::Error,
}

impl ModelError {
    /// The cause.
    pub(crate) fn into_reason(self) -> clipseek::Error {
        self.reason
    }
}

/// An error and its causes in one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

impl Models {
    /// No models yet, for `device`.
    pub(crate) fn new(device: Option<Device>) -> Self {
        Self {
            device,
            of_collections: Mutex::default(),
            named: Mutex::new(LruCache::new(NAMED)),
        }
    }

    /// The model with this identity, loaded by `models` if needed.
    pub(crate) fn get(
        &self,
        models: &clipseek::Models,
        identity: &ModelIdentity,
    ) -> Result<Arc<Embedder>, ModelError> {
        let slot = Arc::clone(
            locked(&self.of_collections)
                .entry(key(identity))
                .or_default(),
        );
        let mut slot = locked(&slot);
        if let Some(model) = &*slot {
            return Ok(Arc::clone(model));
        }
        let model = models.embedder(identity, self.device);
        let model = model.map_err(|reason| ModelError {
            reference: identity.reference.clone(),
            reason,
        })?;
        Ok(Arc::clone(slot.insert(Arc::new(model))))
    }

    /// The bundled model or a model in the hub cache.
    pub(crate) fn named(
        &self,
        models: &clipseek::Models,
        name: &str,
    ) -> clipseek::Result<Arc<Embedder>> {
        // Loading does not read the weights yet, so holding the lock is cheap.
        let mut named = locked(&self.named);
        if let Some(model) = named.get(name) {
            return Ok(Arc::clone(model));
        }
        let model = models.load_cached(name, self.device)?;
        // Reuse a collection's model.
        let slot = locked(&self.of_collections)
            .get(&key(&model.identity()))
            .cloned();
        let own = slot.and_then(|slot| locked(&slot).clone());
        let model = own.unwrap_or_else(|| Arc::new(Embedder::new(model.model)));
        named.put(name.to_owned(), Arc::clone(&model));
        Ok(model)
    }
}

/// A key that differs for models with different vectors.
fn key(identity: &ModelIdentity) -> String {
    let ModelIdentity {
        fingerprint,
        precision,
        text,
        ..
    } = identity;
    format!("{fingerprint} {precision} {text:?}")
}

fn locked<T>(it: &Mutex<T>) -> MutexGuard<'_, T> {
    it.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Models {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Models")
    }
}
