use hub::{CachedRepository, CachedRevision, Repository};

use crate::error::Result;
use crate::mini::{self, MINI};
use crate::model_files::{Completeness, completeness, family};
use crate::models::Models;

/// A model on this machine.
#[derive(Clone, Debug)]
pub struct LocalModel {
    /// The name to load it by.
    pub name: String,
    /// The model family.
    pub family: &'static str,
    /// The size of its files in bytes.
    pub size: u64,
    /// Whether it is usable: configuration and weights are present.
    pub is_complete: bool,
    /// Its revision in the hub cache; `None` for the bundled model.
    pub revision: Option<CachedRevision>,
}

impl Models {
    /// The models in the hub cache.
    ///
    /// # Errors
    /// [`HubSettings`](crate::Error::HubSettings) if the location of the cache is unknown,
    /// [`Hub`](crate::Error::Hub) if it cannot be read.
    pub fn cached(&self) -> Result<Vec<LocalModel>> {
        let cached = self.hub()?.models()?;
        Ok(cached.iter().flat_map(LocalModel::of_repository).collect())
    }
}

impl LocalModel {
    /// The bundled model.
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

    /// A cached model; `None` if its family is not supported.
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
            is_complete: completeness(&revision.snapshot) != Completeness::Part,
            revision: Some(revision.clone()),
        })
    }
}
