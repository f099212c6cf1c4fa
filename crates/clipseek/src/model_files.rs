//! The files of a Hugging Face model, in the shared cache or downloaded into it.

use std::path::Path;

use clip::Checkpoint;
use hub::{Listing, Revision, Snapshot};

use crate::error::{Error, Result};
use crate::event::{Event, Note};
use crate::hub_model::HubModel;
use crate::models::Models;
use crate::runtime::block_on;

/// How complete a model in the cache is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Completeness {
    /// Not usable.
    Part,
    /// Configuration and weights are present; optional files may be missing.
    Usable,
    /// Complete.
    Whole,
}

/// Which files of a model to download.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FilesToFetch {
    /// Missing files.
    Missing,
    /// Missing files, and files that differ from what was downloaded.
    MissingAndDamaged,
}

impl Models {
    /// Downloads the current version of a model, and replaces damaged files. Offline, it returns the cached version.
    ///
    /// # Errors
    /// Errors of the hub, [`Error::NoModelIn`], and errors of an unusable model.
    pub fn pull(&self, model: &HubModel) -> Result<Snapshot> {
        let hub = self.hub()?;
        if hub.settings().offline.is_none() {
            return self.download(model, FilesToFetch::MissingAndDamaged);
        }
        match hub.cached(&model.repository, &model.revision)? {
            Some(snapshot) if completeness(&snapshot) >= Completeness::Usable => {
                let model = &model.to_string();
                self.listener.note(Note::Offline { model });
                Ok(snapshot)
            }
            _ => self.download(model, FilesToFetch::Missing),
        }
    }

    /// The files of a model. A complete model in the cache needs no network; a usable one stays at its commit.
    pub(crate) fn obtain(&self, model: &HubModel) -> Result<Snapshot> {
        match self.in_cache(model)? {
            Some((cached, Completeness::Whole)) => Ok(cached),
            Some((cached, Completeness::Usable)) => self.complete(model, cached),
            Some((_, Completeness::Part)) | None => self.download(model, FilesToFetch::Missing),
        }
    }

    /// The files of a model in the cache, without network.
    pub(crate) fn find(&self, model: &HubModel) -> Result<Snapshot> {
        match self.in_cache(model)? {
            Some((cached, Completeness::Usable | Completeness::Whole)) => Ok(cached),
            _ => Err(Error::ModelNotHere {
                name: model.to_string(),
            }),
        }
    }

    /// All usable commits of a model in the cache.
    pub(crate) fn commits(&self, model: &HubModel) -> Result<Vec<Snapshot>> {
        let cached = self.hub()?.models()?.into_iter();
        let own = cached.filter(|cached| cached.repository == model.repository);
        let snapshots = own.flat_map(|cached| cached.revisions);
        Ok(snapshots
            .map(|revision| revision.snapshot)
            .filter(|snapshot| completeness(snapshot) >= Completeness::Usable)
            .collect())
    }

    fn in_cache(&self, model: &HubModel) -> Result<Option<(Snapshot, Completeness)>> {
        let cached = self.hub()?.cached(&model.repository, &model.revision)?;
        Ok(cached.map(|snapshot| {
            let completeness = completeness(&snapshot);
            (snapshot, completeness)
        }))
    }

    /// Downloads the missing files of the commit in the cache.
    fn complete(&self, model: &HubModel, cached: Snapshot) -> Result<Snapshot> {
        match self.download(&model.at(&cached.commit)?, FilesToFetch::Missing) {
            // Without network or with an expired token, the cached files are used.
            Err(Error::Hub(error)) => {
                if !matches!(*error, hub::Error::Offline { .. }) {
                    self.listener.note(Note::CacheUsed {
                        repository: model.repository.id(),
                        error: &error,
                    });
                }
                Ok(cached)
            }
            downloaded => downloaded,
        }
    }

    /// Downloads the missing files of the current version.
    fn download(&self, model: &HubModel, files: FilesToFetch) -> Result<Snapshot> {
        let pulled = block_on(self.download_files(model, files));
        self.listener.send(Event::PullEnded);
        pulled?
    }

    async fn download_files(&self, model: &HubModel, files: FilesToFetch) -> Result<Snapshot> {
        let hub = self.hub()?;
        let progress = |progress: hub::Progress<'_>| self.listener.send(Event::Pull(progress));
        let listing = hub
            .listing(&model.repository, &model.revision, &progress)
            .await?;
        let names: Vec<&str> = listing.names().collect();
        let description = Checkpoint::description_files(&names);
        if files == FilesToFetch::MissingAndDamaged {
            self.discard_damaged(&listing, &description)?;
        }
        // The cached commit is used until the new one is complete. An unusable model is refused before its weights are
        // downloaded.
        let snapshot = hub.fetch(&listing, &description, &progress).await?;
        if description.is_empty() {
            return Err(Error::NoModelIn {
                name: model.to_string(),
            });
        }
        let checkpoint = Checkpoint::open(&snapshot.directory)?;
        checkpoint.family()?;
        let weights = checkpoint.weight_files(&names)?;
        if files == FilesToFetch::MissingAndDamaged {
            self.discard_damaged(&listing, &weights)?;
        }
        let description = description.iter().copied();
        let whole: Vec<&str> = description
            .chain(weights.iter().map(String::as_str))
            .collect();
        let snapshot = hub.pull(&listing, &whole, &progress).await?;
        // If the cache is read-only, the hub is asked again next time.
        let _ = hub.remember_absent(&listing, &Checkpoint::possible_description_files());
        Ok(snapshot)
    }

    /// Removes damaged files among `names`, which are downloaded again. Other files, such as other weight formats, stay.
    fn discard_damaged(&self, listing: &Listing, names: &[impl AsRef<str>]) -> Result<()> {
        let hub = self.hub()?;
        let commit = Revision::new(&listing.commit)?;
        let Some(here) = hub.cached(&listing.repository, &commit)? else {
            return Ok(());
        };
        for name in &hub.discard_damaged(&here, names)? {
            self.listener.send(Event::DamagedFile { name });
        }
        Ok(())
    }
}

/// How complete a snapshot of a model is.
pub(crate) fn completeness(snapshot: &Snapshot) -> Completeness {
    let names: Vec<&str> = snapshot.names().collect();
    let is_usable = opened(&snapshot.directory).is_some_and(|checkpoint| {
        let is_supported = checkpoint.family().is_ok();
        is_supported && checkpoint.weight_files(&names).is_ok()
    });
    let is_settled =
        |name: &&str| names.contains(name) || snapshot.absent.iter().any(|absent| absent == name);
    let mut description = Checkpoint::possible_description_files().into_iter();
    if !is_usable {
        Completeness::Part
    } else if description.all(|name| is_settled(&name)) {
        Completeness::Whole
    } else {
        Completeness::Usable
    }
}

/// The model family of a snapshot; `None` if it is not supported.
pub(crate) fn family(snapshot: &Snapshot) -> Option<&'static str> {
    opened(&snapshot.directory)?.family().ok()
}

fn opened(directory: &Path) -> Option<Checkpoint> {
    Checkpoint::open(directory).ok()
}
