use hub::{CachedRepository, CachedRevision, Repository};

use crate::error::Result;
use crate::mini::{self, MINI};
use crate::model_files::{Extent, extent, family};
use crate::models::Models;

/// A model on this machine.
#[derive(Clone, Debug)]
pub struct LocalModel {
    /// The name that leads to it.
    pub name: String,
    /// The kind of model that it is.
    pub family: &'static str,
    /// Bytes of its files.
    pub size: u64,
    /// Whether it can be used: description and weights are there.
    pub is_complete: bool,
    /// Its revision in the cache of the hub; none for the bundled one.
    pub revision: Option<CachedRevision>,
}

impl Models {
    /// The bundled model, and those of the hub that are in its cache.
    ///
    /// # Errors
    /// [`HubSettings`](crate::Error::HubSettings) where nothing says where the cache is, and
    /// [`Hub`](crate::Error::Hub) if it cannot be read.
    pub fn cached(&self) -> Result<Vec<LocalModel>> {
        let cached = self.hub()?.models()?;
        Ok(cached.iter().flat_map(LocalModel::of_repository).collect())
    }
}

impl LocalModel {
    /// The bundled one.
    pub fn mini() -> LocalModel {
        LocalModel {
            name: MINI.to_owned(),
            family: MINI,
            size: mini::size(),
            is_complete: true,
            revision: None,
        }
    }

    fn of_repository(cached: &CachedRepository) -> impl Iterator<Item = LocalModel> {
        let revisions = cached.revisions.iter();
        revisions.filter_map(|revision| LocalModel::of(&cached.repository, revision))
    }

    /// A model of the hub; none when it is one of another kind.
    fn of(repository: &Repository, revision: &CachedRevision) -> Option<LocalModel> {
        let family = family(&revision.snapshot)?;
        let mut references = revision.references.iter();
        let is_main = revision.references.iter().any(|name| name == "main");
        let id = repository.id();
        let name = match references.next() {
            _ if is_main => id.to_owned(),
            Some(reference) => format!("{id}@{reference}"),
            None => format!("{id}@{}", revision.snapshot.commit),
        };
        Some(LocalModel {
            name,
            family,
            size: revision.snapshot.files.iter().map(|file| file.size).sum(),
            is_complete: extent(&revision.snapshot) != Extent::Part,
            revision: Some(revision.clone()),
        })
    }
}
