//! The indexes of collections. The API reads them, and changes only what isn't the collection's own.

use std::sync::Arc;

use index::EngineKind;
use search::{CollectionInfo, Embedder, is_of_collections};

use super::api_error::ApiError;
use crate::view::View;

/// Refuses to change what only a collection changes: its index, or a namespace of it.
pub(crate) fn check_changeable(
    view: &View<'_>,
    index: &str,
    namespace: Option<&str>,
) -> Result<(), ApiError> {
    let is_its = namespace.is_none_or(is_of_collections);
    match is_its && collection_of(view, index)?.is_some() {
        true => Err(ApiError::forbidden(format!(
            "index `{index}` is a collection's: `clipseek add` changes its pictures and captions, and `clipseek \
             collection delete {index}` deletes it; other namespaces of it can be changed here"
        ))),
        false => Ok(()),
    }
}

/// The model of the collection that this index belongs to.
pub(crate) fn model_of(view: &View<'_>, index: &str) -> Result<Arc<Embedder>, ApiError> {
    let info = collection_of(view, index)?.ok_or_else(|| {
        ApiError::invalid(format!(
            "index `{index}` has no model: words and pictures can be embedded in the index of a collection, which \
             `clipseek add` makes"
        ))
    })?;
    Ok(view.embedder(&info.model)?)
}

fn collection_of(view: &View<'_>, index: &str) -> Result<Option<CollectionInfo>, ApiError> {
    let is_its = |info: &CollectionInfo| info.name == index && info.engine == EngineKind::Embedded;
    Ok(view.collections()?.into_iter().find(is_its))
}
