use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use search::{Embedder, ModelIdentity};

/// The models of the collections that were searched by words or pictures, each loaded once.
#[derive(Default)]
pub(crate) struct Models {
    loaded: Mutex<HashMap<String, Slot>>,
}

/// Locked while its model is loaded, so that others who need it wait.
type Slot = Arc<Mutex<Option<Arc<Embedder>>>>;

/// Why there is no model.
#[derive(Debug, thiserror::Error)]
#[error("could not load model `{reference}`: {}", with_causes(reason))]
pub(crate) struct ModelError {
    reference: String,
    reason: clipseek::Error,
}

/// An error and what caused it, in one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

impl Models {
    /// The model with this identity, which `models` loads if it isn't yet.
    pub(crate) fn get(
        &self,
        models: &clipseek::Models,
        identity: &ModelIdentity,
    ) -> Result<Arc<Embedder>, ModelError> {
        let key = format!("{} {:?}", identity.fingerprint, identity.text);
        let slot = {
            let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(loaded.entry(key).or_default())
        };
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(model) = &*slot {
            return Ok(Arc::clone(model));
        }
        let model = models.embedder(identity).map_err(|reason| ModelError {
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
