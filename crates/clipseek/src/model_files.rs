//! The files of a model of the Hugging Face hub: in the cache that all programs share, or else downloaded into it.

use std::path::Path;

use clip::Checkpoint;
use hub::{Listing, Revision, Snapshot};

use crate::error::{Error, Result};
use crate::event::{Event, Note};
use crate::hub_model::HubModel;
use crate::models::Models;
use crate::runtime::block_on;

/// How much of a model the cache has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Extent {
    /// Not enough to be used.
    Part,
    /// Description and weights. There may be small files that nobody has looked for yet.
    Usable,
    /// All that belongs to it.
    Whole,
}

/// Which files of a model are downloaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Care {
    /// Those that are not here.
    Absent,
    /// And those that are, but not as they were downloaded.
    AbsentAndDamaged,
}

impl Models {
    /// Downloads the model of the hub as it is now, whole and undamaged; as the cache has it where nobody may be asked.
    ///
    /// # Errors
    /// Those of the hub, [`Error::NoModelIn`], and those of a model that cannot be used.
    pub fn pull(&self, model: &HubModel) -> Result<Snapshot> {
        let hub = self.hub()?;
        if hub.settings().offline.is_none() {
            return self.download(model, Care::AbsentAndDamaged);
        }
        match hub.cached(&model.repository, &model.revision)? {
            Some(snapshot) if extent(&snapshot) >= Extent::Usable => {
                let model = &model.to_string();
                self.listener.note(Note::Offline { model });
                Ok(snapshot)
            }
            _ => self.download(model, Care::Absent),
        }
    }

    /// Its files. Nobody is asked when the cache has it whole; what can be used stays at the commit where it is.
    pub(crate) fn obtain(&self, model: &HubModel) -> Result<Snapshot> {
        match self.in_cache(model)? {
            Some((cached, Extent::Whole)) => Ok(cached),
            Some((cached, Extent::Usable)) => self.complete(model, cached),
            Some((_, Extent::Part)) | None => self.download(model, Care::Absent),
        }
    }

    /// Its files in the cache; nobody is asked.
    pub(crate) fn find(&self, model: &HubModel) -> Result<Snapshot> {
        match self.in_cache(model)? {
            Some((cached, Extent::Usable | Extent::Whole)) => Ok(cached),
            _ => Err(Error::ModelNotHere {
                name: model.to_string(),
            }),
        }
    }

    /// All commits of it that are in the cache and can be used.
    pub(crate) fn commits(&self, model: &HubModel) -> Result<Vec<Snapshot>> {
        let cached = self.hub()?.models()?.into_iter();
        let own = cached.filter(|cached| cached.repository == model.repository);
        let snapshots = own.flat_map(|cached| cached.revisions);
        Ok(snapshots
            .map(|revision| revision.snapshot)
            .filter(|snapshot| extent(snapshot) >= Extent::Usable)
            .collect())
    }

    fn in_cache(&self, model: &HubModel) -> Result<Option<(Snapshot, Extent)>> {
        let cached = self.hub()?.cached(&model.repository, &model.revision)?;
        Ok(cached.map(|snapshot| {
            let extent = extent(&snapshot);
            (snapshot, extent)
        }))
    }

    /// Downloads what the cache lacks of the commit that it has.
    fn complete(&self, model: &HubModel, cached: Snapshot) -> Result<Snapshot> {
        match self.download(&model.at(&cached.commit)?, Care::Absent) {
            // Who is not online, or whose token has expired, can use what is here.
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

    /// Downloads what the cache lacks of the model as it is now.
    fn download(&self, model: &HubModel, care: Care) -> Result<Snapshot> {
        let pulled = block_on(self.download_files(model, care));
        self.listener.tell(Event::PullEnded);
        pulled?
    }

    async fn download_files(&self, model: &HubModel, care: Care) -> Result<Snapshot> {
        let hub = self.hub()?;
        let progress = |progress: hub::Progress<'_>| self.listener.tell(Event::Pull(progress));
        let listing = hub
            .listing(&model.repository, &model.revision, &progress)
            .await?;
        let names: Vec<&str> = listing.names().collect();
        let description = Checkpoint::description_files(&names);
        if care == Care::AbsentAndDamaged {
            self.discard_damaged(&listing, &description)?;
        }
        // The commit that is here counts until the new one is whole. What cannot be used is refused before its
        // weights are downloaded.
        let snapshot = hub.fetch(&listing, &description, &progress).await?;
        if description.is_empty() {
            return Err(Error::NoModelIn {
                name: model.to_string(),
            });
        }
        let checkpoint = Checkpoint::open(&snapshot.directory)?;
        checkpoint.family()?;
        let weights = checkpoint.weight_files(&names)?;
        if care == Care::AbsentAndDamaged {
            self.discard_damaged(&listing, &weights)?;
        }
        let description = description.iter().copied();
        let whole: Vec<&str> = description
            .chain(weights.iter().map(String::as_str))
            .collect();
        let snapshot = hub.pull(&listing, &whole, &progress).await?;
        // A cache that cannot be written to is asked about again, no more.
        let _ = hub.remember_absent(&listing, &Checkpoint::possible_description_files());
        Ok(snapshot)
    }

    /// Removes those of the files about to be pulled that are damaged. What is not pulled again, as other programs'
    /// forms of the weights, is not touched.
    fn discard_damaged(&self, listing: &Listing, names: &[impl AsRef<str>]) -> Result<()> {
        let hub = self.hub()?;
        let commit = Revision::new(&listing.commit)?;
        let Some(here) = hub.cached(&listing.repository, &commit)? else {
            return Ok(());
        };
        for name in &hub.discard_damaged(&here, names)? {
            self.listener.tell(Event::DamagedFile { name });
        }
        Ok(())
    }
}

/// How much of a model a snapshot is.
pub(crate) fn extent(snapshot: &Snapshot) -> Extent {
    let names: Vec<&str> = snapshot.names().collect();
    let is_usable = opened(&snapshot.directory).is_some_and(|checkpoint| {
        let is_supported = checkpoint.family().is_ok();
        is_supported && checkpoint.weight_files(&names).is_ok()
    });
    let is_settled =
        |name: &&str| names.contains(name) || snapshot.absent.iter().any(|absent| absent == name);
    let mut description = Checkpoint::possible_description_files().into_iter();
    if !is_usable {
        Extent::Part
    } else if description.all(|name| is_settled(&name)) {
        Extent::Whole
    } else {
        Extent::Usable
    }
}

/// The kind of model a snapshot is of; none when clipseek cannot use it.
pub(crate) fn family(snapshot: &Snapshot) -> Option<&'static str> {
    opened(&snapshot.directory)?.family().ok()
}

fn opened(directory: &Path) -> Option<Checkpoint> {
    Checkpoint::open(directory).ok()
}
