//! A model of the Hugging Face hub: in the cache that all programs share, or else downloaded into it.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use anyhow::Result;
use clip::Checkpoint;
use hub::{Hub, Listing, Repository, Revision, Snapshot};

use crate::environment;
use crate::error::Error;
use crate::pull_display::PullDisplay;
use crate::terminal::message;

/// A model's id and revision, written `owner/name` or `owner/name@revision`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HubModel {
    pub(crate) repository: Repository,
    pub(crate) revision: Revision,
}

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

impl HubModel {
    /// The model that `name` names, if it has the form of an id; what is written like a path is none.
    pub(crate) fn parse(name: &str) -> Option<HubModel> {
        let (id, revision) = name.split_once('@').unwrap_or((name, "main"));
        if !id.contains('/') {
            return None;
        }
        Some(HubModel {
            repository: Repository::model(id).ok()?,
            revision: Revision::new(revision).ok()?,
        })
    }

    /// The same model at one commit.
    pub(crate) fn at(&self, commit: &str) -> Result<HubModel> {
        Ok(HubModel {
            repository: self.repository.clone(),
            revision: Revision::new(commit)?,
        })
    }

    /// Its files. Nobody is asked when the cache has it whole; what can be used stays at the commit where it is.
    pub(crate) fn obtain(&self) -> Result<Snapshot> {
        match self.in_cache()? {
            Some((cached, Extent::Whole)) => Ok(cached),
            Some((cached, Extent::Usable)) => self.complete(cached),
            Some((_, Extent::Part)) | None => self.pull(Care::Absent),
        }
    }

    /// Downloads what the cache lacks of the commit that it has.
    fn complete(&self, cached: Snapshot) -> Result<Snapshot> {
        let failure = match self.at(&cached.commit)?.pull(Care::Absent) {
            Ok(snapshot) => return Ok(snapshot),
            Err(failure) => failure,
        };
        // Who is not online, or whose token has expired, can use what is here.
        match failure.downcast_ref::<hub::Error>() {
            Some(hub::Error::Offline { .. }) => Ok(cached),
            Some(error) => {
                message!(
                    "note: {error}: using what the cache has of {}",
                    self.repository
                );
                Ok(cached)
            }
            None => Err(failure),
        }
    }

    /// Its files in the cache; nobody is asked.
    pub(crate) fn find(&self) -> Result<Snapshot> {
        match self.in_cache()? {
            Some((cached, Extent::Usable | Extent::Whole)) => Ok(cached),
            _ => Err(Error::ModelNotHere {
                name: self.to_string(),
            }
            .into()),
        }
    }

    /// All commits of it that are in the cache and can be used.
    pub(crate) fn commits(&self) -> Result<Vec<Snapshot>> {
        let cached = hub()?.models()?.into_iter();
        let own = cached.filter(|cached| cached.repository == self.repository);
        let snapshots = own.flat_map(|cached| cached.revisions);
        Ok(snapshots
            .map(|revision| revision.snapshot)
            .filter(|snapshot| extent(snapshot) >= Extent::Usable)
            .collect())
    }

    /// The model as it is now, whole and undamaged; as the cache has it where nobody may be asked.
    pub(crate) fn refresh(&self) -> Result<Snapshot> {
        let hub = hub()?;
        let cached = hub.cached(&self.repository, &self.revision)?;
        if hub.settings().offline.is_some() {
            match cached {
                Some(snapshot) if extent(&snapshot) >= Extent::Usable => {
                    message!("note: offline, so {self} stays as the cache has it");
                    return Ok(snapshot);
                }
                _ => return self.pull(Care::Absent),
            }
        }
        self.pull(Care::AbsentAndDamaged)
    }

    /// Downloads what the cache lacks of the model as it is now.
    fn pull(&self, care: Care) -> Result<Snapshot> {
        let hub = hub()?;
        let display = PullDisplay::new();
        let progress = |progress: hub::Progress<'_>| display.show(progress);
        let pulled = block_on(async {
            let listing = hub
                .listing(&self.repository, &self.revision, &progress)
                .await?;
            let names: Vec<&str> = listing.names().collect();
            let description = Checkpoint::description_files(&names);
            if care == Care::AbsentAndDamaged {
                discard_damaged(&listing, &description, &display)?;
            }
            // The commit that is here counts until the new one is whole. What cannot be used is refused before its
            // weights are downloaded.
            let snapshot = hub.fetch(&listing, &description, &progress).await?;
            if description.is_empty() {
                return Err(Error::NoModelIn {
                    name: self.to_string(),
                }
                .into());
            }
            let checkpoint = Checkpoint::open(&snapshot.directory)?;
            checkpoint.family()?;
            let weights = checkpoint.weight_files(&names)?;
            if care == Care::AbsentAndDamaged {
                discard_damaged(&listing, &weights, &display)?;
            }
            let whole: Vec<&str> = description
                .iter()
                .copied()
                .chain(weights.iter().map(String::as_str))
                .collect();
            let snapshot = hub.pull(&listing, &whole, &progress).await?;
            // A cache that cannot be written to is asked about again, no more.
            let _ = hub.remember_absent(&listing, &Checkpoint::possible_description_files());
            Ok(snapshot)
        })?;
        display.finish();
        pulled
    }

    fn in_cache(&self) -> Result<Option<(Snapshot, Extent)>> {
        let cached = hub()?.cached(&self.repository, &self.revision)?;
        Ok(cached.map(|snapshot| {
            let extent = extent(&snapshot);
            (snapshot, extent)
        }))
    }
}

impl std::fmt::Display for HubModel {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.repository.id())?;
        if self.revision == Revision::main() {
            return Ok(());
        }
        write!(formatter, "@{}", self.revision)
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
    match is_usable {
        false => Extent::Part,
        true if description.all(|name| is_settled(&name)) => Extent::Whole,
        true => Extent::Usable,
    }
}

/// Removes those of the files about to be pulled that are damaged. What is not pulled again, as other programs' forms of
/// the weights, is not touched.
fn discard_damaged(
    listing: &Listing,
    names: &[impl AsRef<str>],
    display: &PullDisplay,
) -> Result<()> {
    let commit = Revision::new(&listing.commit)?;
    let Some(here) = hub()?.cached(&listing.repository, &commit)? else {
        return Ok(());
    };
    for name in hub()?.discard_damaged(&here, names)? {
        display.say(&format!("`{name}` is damaged and is fetched again"));
    }
    Ok(())
}

/// The kind of model a snapshot is of; none when clipseek cannot use it.
pub(crate) fn family(snapshot: &Snapshot) -> Option<&'static str> {
    opened(&snapshot.directory)?.family().ok()
}

fn opened(directory: &Path) -> Option<Checkpoint> {
    Checkpoint::open(directory).ok()
}

/// The hub, as the environment describes it.
pub(crate) fn hub() -> Result<&'static Arc<Hub>> {
    static HUB: OnceLock<Arc<Hub>> = OnceLock::new();
    if let Some(hub) = HUB.get() {
        return Ok(hub);
    }
    let mut settings = environment::hub_settings()?;
    settings.user_agent = concat!("clipseek/", env!("CARGO_PKG_VERSION")).to_owned();
    let hub = Arc::new(Hub::new(settings)?);
    Ok(HUB.get_or_init(|| hub))
}

/// Waits for what waits for a network.
pub(crate) fn block_on<T>(future: impl Future<Output = Result<T>>) -> Result<Result<T>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    Ok(runtime.block_on(future))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_told_from_paths() {
        for id in [
            "openai/clip-vit-base-patch32",
            "laion/CLIP-ViT-H-14-laion2B-s32B-b79K",
            "openai/clip-vit-base-patch32@refs/pr/15",
        ] {
            assert_eq!(HubModel::parse(id).unwrap().to_string(), id);
        }
        assert_eq!(HubModel::parse("a/b@main").unwrap().to_string(), "a/b");
        for path in [
            "./model",
            "/models/clip",
            "models/openai/clip",
            "../clip",
            "clip",
            "a/",
            "/b",
            "a/b@",
            "a/b@../c",
        ] {
            assert_eq!(HubModel::parse(path), None, "{path}");
        }
    }
}
