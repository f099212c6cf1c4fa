use std::ffi::OsStr;
use std::fs;
use std::sync::OnceLock;

use futures_util::{StreamExt, TryStreamExt, stream};
use reqwest::Url;

use crate::cache::{Cache, CachedRepository, is_whole};
use crate::client::Client;
use crate::digest::Digest;
use crate::download::Download;
use crate::{
    Error, Kind, Listing, Progress, Repository, RepositoryFile, Result, Revision, Settings,
    Snapshot, SnapshotFile, Waiting, disk_space, file_name, listing,
};

/// The Hub and its cache.
pub struct Hub {
    settings: Settings,
    endpoint: Url,
    cache: Cache,
    client: OnceLock<Client>,
}

impl Hub {
    /// A client with these settings. Sends no request yet.
    ///
    /// # Errors
    /// [`Error::Endpoint`].
    pub fn new(settings: Settings) -> Result<Self> {
        let endpoint = Url::parse(settings.endpoint.trim())
            .ok()
            .filter(|url| matches!(url.scheme(), "https" | "http") && url.has_host())
            .ok_or(Error::Endpoint)?;
        Ok(Self {
            cache: Cache::new(settings.cache.clone()),
            endpoint,
            settings,
            client: OnceLock::new(),
        })
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The cached files of a repository at a revision, without network access. A branch means the commit at
    /// the last request.
    ///
    /// # Errors
    /// If the cache can't be read.
    pub fn cached(&self, repository: &Repository, revision: &Revision) -> Result<Option<Snapshot>> {
        self.cache.snapshot(repository, revision)
    }

    /// The cached models.
    ///
    /// # Errors
    /// If the cache can't be read.
    pub fn models(&self) -> Result<Vec<CachedRepository>> {
        self.cache.repositories(Kind::Model)
    }

    /// Requests the list of files of a repository at a revision.
    ///
    /// # Errors
    /// If network access is forbidden, or the Hub refuses or is unreachable.
    pub async fn listing(
        &self,
        repository: &Repository,
        revision: &Revision,
        progress: &(dyn Fn(Progress<'_>) + Sync),
    ) -> Result<Listing> {
        self.forbid_offline(repository, revision)?;
        let waiting = |wait| {
            progress(Progress::Waiting {
                name: None,
                for_what: Waiting::NextAttempt(wait),
            });
        };
        listing::fetch(
            self.client()?,
            repository,
            revision,
            self.settings.retry,
            &waiting,
        )
        .await
    }

    /// Downloads files of a listing into the cache, except those already cached. Then stores the listing's
    /// commit as that of the revision. After an error, downloaded files stay, and the next call continues.
    ///
    /// # Errors
    /// As [`fetch`](Self::fetch), and if files were downloaded but the revision's commit can't be stored.
    pub async fn pull(
        &self,
        listing: &Listing,
        names: &[impl AsRef<str>],
        progress: &(dyn Fn(Progress<'_>) + Sync),
    ) -> Result<Snapshot> {
        let before = self.present(listing)?;
        let was_whole = missing(listing, names, &before.files)?.is_empty();
        let present = self.fetch(listing, names, progress).await?;
        let remembered =
            self.cache
                .remember(&listing.repository, &listing.revision, &listing.commit);
        match remembered {
            // A read-only cache still serves its files.
            Err(_) if was_whole => Ok(present),
            remembered => remembered.map(|()| present),
        }
    }

    /// Downloads files of a listing into the cache, like [`pull`](Self::pull), but doesn't update the
    /// revision's commit. For files that are useless alone.
    ///
    /// # Errors
    /// If a file isn't in the listing, or can't be downloaded, verified or stored.
    pub async fn fetch(
        &self,
        listing: &Listing,
        names: &[impl AsRef<str>],
        progress: &(dyn Fn(Progress<'_>) + Sync),
    ) -> Result<Snapshot> {
        let Listing {
            repository,
            revision,
            commit,
            ..
        } = listing;
        let present = self.present(listing)?;
        let missing = missing(listing, names, &present.files)?;
        if missing.is_empty() {
            return Ok(present);
        }
        self.forbid_offline(repository, revision)?;
        self.cache.prepare(repository)?;
        self.require_space(listing, &missing)?;
        let client = self.client()?;
        stream::iter(missing)
            .map(|name| async move {
                let download = Download {
                    client,
                    cache: &self.cache,
                    retry: self.settings.retry,
                    symlinks: self.settings.symlinks,
                    progress,
                    repository,
                    commit,
                    name,
                };
                download.run().await
            })
            .buffer_unordered(self.settings.at_once.max(1))
            .try_collect::<()>()
            .await?;
        Ok(self.cache.commit(repository, commit)?.unwrap_or(present))
    }

    /// Removes those of `names` in `snapshot` whose hash no longer matches their name in the cache, and
    /// returns their names. The next [`pull`](Self::pull) downloads them again.
    ///
    /// # Errors
    /// If a file can't be read or removed.
    pub fn discard_damaged(
        &self,
        snapshot: &Snapshot,
        names: &[impl AsRef<str>],
    ) -> Result<Vec<String>> {
        let mut damaged = Vec::new();
        let is_meant = |name: &str| names.iter().any(|meant| meant.as_ref() == name);
        for file in snapshot.files.iter().filter(|file| is_meant(&file.name)) {
            let link = snapshot.path(&file.name);
            let blob = fs::canonicalize(&link).map_err(Error::of(&link))?;
            let name = blob.file_name().and_then(OsStr::to_str);
            // Without links, the hash is unknown.
            let Some(digest) = name.and_then(Digest::of_etag) else {
                continue;
            };
            if digest.of_file(&blob).map_err(Error::of(&blob))? != digest {
                fs::remove_file(&blob).map_err(Error::of(&blob))?;
                fs::remove_file(&link).map_err(Error::of(&link))?;
                damaged.push(file.name.clone());
            }
        }
        Ok(damaged)
    }

    /// Records which of `names` the listing lacks, so that they aren't requested again. They become
    /// [`Snapshot::absent`], and Python's libraries see this too.
    ///
    /// # Errors
    /// If the cache isn't writable, or a name leads out of it.
    pub fn remember_absent(&self, listing: &Listing, names: &[impl AsRef<str>]) -> Result<()> {
        let names = names.iter().map(AsRef::as_ref);
        for name in names.filter(|name| listing.file(name).is_none()) {
            let name = file_name::checked(name)?;
            self.cache
                .remember_absence(&listing.repository, &listing.commit, name)?;
        }
        Ok(())
    }

    /// The cached files of the listing's commit.
    fn present(&self, listing: &Listing) -> Result<Snapshot> {
        let (repository, commit) = (&listing.repository, &listing.commit);
        let present = self.cache.commit(repository, commit)?;
        Ok(present.unwrap_or_else(|| Snapshot {
            directory: self.cache.snapshot_folder(repository, commit),
            commit: commit.clone(),
            files: Vec::new(),
            absent: Vec::new(),
        }))
    }

    pub(crate) fn client(&self) -> Result<&Client> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = Client::new(&self.settings, self.endpoint.clone())?;
        Ok(self.client.get_or_init(|| client))
    }

    pub(crate) fn forbid_offline(
        &self,
        repository: &Repository,
        revision: &Revision,
    ) -> Result<()> {
        let Some(variable) = self.settings.offline else {
            return Ok(());
        };
        let present = self.cached(repository, revision)?;
        Err(Error::Offline {
            repository: repository.clone(),
            revision: revision.clone(),
            cache: self.cache.root().to_owned(),
            present: present.map_or_else(Vec::new, |snapshot| {
                snapshot.names().map(str::to_owned).collect()
            }),
            variable,
        })
    }

    /// Fails early if the files won't fit, rather than after an hour.
    fn require_space(&self, listing: &Listing, missing: &[&str]) -> Result<()> {
        let needed = self.still_to_come(listing, missing);
        let blobs = self.cache.blobs(&listing.repository);
        let begun = fs::read_dir(&blobs).into_iter().flatten().flatten();
        let begun = begun.filter(|entry| {
            let name = entry.file_name();
            name.as_encoded_bytes().ends_with(b".incomplete")
        });
        let there = begun
            .filter_map(|entry| entry.metadata().ok())
            .map(|metadata| metadata.len())
            .fold(0_u64, u64::saturating_add);
        disk_space::require(&blobs, needed.saturating_sub(there))
    }

    /// The size of the files that aren't cached from any commit. If snapshots are copies, each has its own
    /// files.
    fn still_to_come(&self, listing: &Listing, missing: &[&str]) -> u64 {
        let is_here = |file: &RepositoryFile, size| {
            let digest = file.digest.as_ref().filter(|_| self.settings.symlinks);
            let blob = digest.map(|digest| self.cache.blob(&listing.repository, digest));
            blob.is_some_and(|blob| is_whole(&blob, size))
        };
        let files = missing.iter().filter_map(|name| listing.file(name));
        files
            .filter_map(|file| file.size.filter(|&size| !is_here(file, size)))
            .fold(0, u64::saturating_add)
    }
}

/// Those of `names` that aren't `present` with the expected size.
fn missing<'a>(
    listing: &Listing,
    names: &'a [impl AsRef<str>],
    present: &[SnapshotFile],
) -> Result<Vec<&'a str>> {
    let mut missing = Vec::new();
    for name in names {
        let name = file_name::checked(name.as_ref())?;
        let Some(file) = listing.file(name) else {
            return Err(Error::NoFile {
                repository: listing.repository.clone(),
                revision: listing.revision.name().to_owned(),
                name: name.to_owned(),
            });
        };
        let is_here = present
            .iter()
            .any(|here| here.name == name && file.size.is_none_or(|size| size == here.size));
        if !is_here && !missing.contains(&name) {
            missing.push(name);
        }
    }
    Ok(missing)
}

#[cfg(test)]
mod tests {
    use hub_double::HubDouble;

    use super::*;

    #[test]
    fn only_what_no_commit_has_brought_needs_room() {
        let folder = tempfile::tempdir().unwrap();
        let double = HubDouble::start();
        let model = hub_double::Repository::model("owner/name")
            .large_file("weights", vec![7; 1000])
            .file("config.json", "{}");
        double.add(model.clone());
        let mut settings = Settings::new(folder.path());
        settings.endpoint = double.endpoint();
        let needed = |settings: &Settings| {
            let hub = Hub::new(settings.clone()).unwrap();
            let names = ["weights", "config.json"];
            let needed = async {
                let repository = Repository::model("owner/name")?;
                let listing = hub.listing(&repository, &Revision::main(), &|_| {}).await?;
                let needed = hub.still_to_come(&listing, &names);
                hub.pull(&listing, &names, &|_| {}).await?;
                Ok::<_, Error>(needed)
            };
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.unwrap().block_on(needed).unwrap()
        };
        assert_eq!(needed(&settings), 1002);
        double.add(model.clone().file("config.json", "{\"of\": 3}"));
        assert_eq!(needed(&settings), 9);
        double.add(model.file("config.json", "{}").file("README.md", "words"));
        assert_eq!(needed(&settings), 0);
        settings.symlinks = false;
        assert_eq!(needed(&settings), 1002);
    }
}
