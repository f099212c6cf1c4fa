use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use search::{Embedder, ModelIdentity};

/// Loads a collection's model, or says why it cannot.
type Load = dyn Fn(&ModelIdentity) -> Result<Embedder, String> + Send + Sync;

/// The models of the collections that were searched by words or pictures, each loaded once.
pub struct Models {
    load: Box<Load>,
    loaded: Mutex<HashMap<String, Slot>>,
}

/// Locked while its model is loaded, so that others who need it wait.
type Slot = Arc<Mutex<Option<Arc<Embedder>>>>;

/// Why there is no model.
#[derive(Debug, thiserror::Error)]
#[error("could not load model `{reference}`: {reason}")]
pub(crate) struct ModelError {
    reference: String,
    reason: String,
}

impl Models {
    /// Models that `load` loads.
    pub fn new(
        load: impl Fn(&ModelIdentity) -> Result<Embedder, String> + Send + Sync + 'static,
    ) -> Self {
        Self {
            load: Box::new(load),
            loaded: Mutex::default(),
        }
    }

    /// No models.
    pub(crate) fn none() -> Self {
        Self::new(|_| Err("this server was started without models".to_owned()))
    }

    /// The model with this identity, which is loaded if it isn't yet.
    pub(crate) fn get(&self, identity: &ModelIdentity) -> Result<Arc<Embedder>, ModelError> {
        let key = format!("{} {:?}", identity.fingerprint, identity.text);
        let slot = {
            let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(loaded.entry(key).or_default())
        };
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(model) = &*slot {
            return Ok(Arc::clone(model));
        }
        let model = (self.load)(identity).map_err(|reason| ModelError {
            reference: identity.reference.clone(),
            reason,
        })?;
        Ok(Arc::clone(slot.insert(Arc::new(model))))
    }
}

impl fmt::Debug for Models {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Models")
    }
}
