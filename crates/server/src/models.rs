use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use search::{Embedder, ModelIdentity};

use crate::pinecone::api_error::ApiError;
use crate::state::State;

/// What finds a collection's model, or says why it cannot.
type Load = dyn Fn(&ModelIdentity) -> Result<Embedder, String> + Send + Sync;

/// The models of the collections that were asked with words or pictures, each loaded once.
pub struct Models {
    load: Box<Load>,
    loaded: Mutex<HashMap<String, Slot>>,
}

/// Locked while its model is loaded, so that others who want it wait.
type Slot = Arc<Mutex<Option<Arc<Embedder>>>>;

impl Models {
    /// Models that `load` finds.
    pub fn new(
        load: impl Fn(&ModelIdentity) -> Result<Embedder, String> + Send + Sync + 'static,
    ) -> Self {
        Self {
            load: Box::new(load),
            loaded: Mutex::default(),
        }
    }

    /// None at all.
    pub(crate) fn none() -> Self {
        Self::new(|_| Err("this server was started without models".to_owned()))
    }

    fn get(&self, identity: &ModelIdentity) -> Result<Arc<Embedder>, ApiError> {
        let key = format!("{} {:?}", identity.fingerprint, identity.text);
        let slot = {
            let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(loaded.entry(key).or_default())
        };
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(model) = &*slot {
            return Ok(Arc::clone(model));
        }
        let model = (self.load)(identity).map_err(|reason| {
            let reference = &identity.reference;
            ApiError::internal(format!("the model `{reference}` cannot be had: {reason}"))
        })?;
        Ok(Arc::clone(slot.insert(Arc::new(model))))
    }

    /// The model of the collection whose index this is.
    pub(crate) fn of_index(&self, state: &State, index: &str) -> Result<Arc<Embedder>, ApiError> {
        let info = state.collection_of(index)?.ok_or_else(|| {
            ApiError::invalid(format!(
                "index `{index}` has no model: words and pictures can be embedded in the index of a \
                 collection, which `clipseek add` makes"
            ))
        })?;
        self.get(&info.model)
    }
}

impl fmt::Debug for Models {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Models")
    }
}
