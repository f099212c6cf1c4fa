//! The indexes of collections. The API may read them, but not change the collection's own namespaces.

use std::sync::Arc;

use index::EngineKind;
use search::{CollectionInfo, Embedder, is_of_collections};

use super::api_error::ApiError;
use crate::view::View;

/// Refuses to change the index of a collection or the collection's own namespaces.
pub(crate) fn check_changeable(
    view: &View<'_>,
    index: &str,
    namespace: Option<&str>,
) -> Result<(), ApiError> {
    let is_its = namespace.is_none_or(is_of_collections);
    if is_its && collection_of(view, index)?.is_some() {
        return Err(ApiError::forbidden(format!(
            "index `{index}` belongs to a collection; change it with `clipseek add` or delete it with `clipseek collection \
             delete {index}`; only its other namespaces can be changed here"
        )));
    }
    Ok(())
}

/// The model of the collection that this index belongs to.
pub(crate) fn model_of(view: &View<'_>, index: &str) -> Result<Arc<Embedder>, ApiError> {
    let info = collection_of(view, index)?.ok_or_else(|| {
        ApiError::invalid(format!(
            "index `{index}` has no model; only indexes of collections, which `clipseek add` creates, embed texts and \
             pictures"
        ))
    })?;
    Ok(view.embedder(&info.model)?)
}

fn collection_of(view: &View<'_>, index: &str) -> Result<Option<CollectionInfo>, ApiError> {
    let is_its = |info: &CollectionInfo| info.name == index && info.engine == EngineKind::Embedded;
    Ok(view.collections()?.into_iter().find(is_its))
}
