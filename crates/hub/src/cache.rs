//! The layout of the cache, the same as in Python's `huggingface_hub`:
//!
//! ```text
//! .locks/models--owner--name/<hash>.lock
//! models--owner--name/
//!     refs/main                              the last known commit of a branch or tag
//!     blobs/<hash>                           contents, by Git's SHA-1 or by SHA-256
//!     blobs/<hash>.incomplete                a download in progress
//!     snapshots/<commit>/config.json         a relative link to a blob
//!     .no_exist/<commit>/vocab.json          empty: the commit has no such file
//! ```

use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::digest::Digest;
use crate::revision::is_commit;
use crate::{Error, Kind, Repository, Result, Revision, Snapshot, link};

/// Marks a folder that backups may leave out, see <https://bford.info/cachedir/>.
const CACHE_TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n\
    # This file is a cache directory tag. It marks the Hugging Face cache.\n\
    # See https://bford.info/cachedir/\n";

/// The cached files of a repository.
#[derive(Clone, Debug)]
pub struct CachedRepository {
    /// The repository.
    pub repository: Repository,
    /// The commits with cached files, sorted by hash.
    pub revisions: Vec<CachedRevision>,
    /// The size on disk in bytes, counting files shared by commits once.
    pub size: u64,
}

/// The cached files of a commit.
#[derive(Clone, Debug)]
pub struct CachedRevision {
    /// The branches and tags that last pointed to this commit.
    pub references: Vec<String>,
    /// Its files.
    pub snapshot: Snapshot,
}

/// The cache folder.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    root: PathBuf,
}

impl Cache {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    fn folder(&self, repository: &Repository) -> PathBuf {
        self.root.join(repository.folder())
    }

    pub(crate) fn blobs(&self, repository: &Repository) -> PathBuf {
        self.folder(repository).join("blobs")
    }

    pub(crate) fn blob(&self, repository: &Repository, digest: &Digest) -> PathBuf {
        self.blobs(repository).join(digest.as_str())
    }

    pub(crate) fn part(&self, repository: &Repository, digest: &Digest) -> PathBuf {
        let name = format!("{}.incomplete", digest.as_str());
        self.blobs(repository).join(name)
    }

    /// A unique name for a partial download.
    pub(crate) fn own_part(&self, repository: &Repository, digest: &Digest) -> PathBuf {
        let name = format!("{}.{:08x}.incomplete", digest.as_str(), fastrand::u32(..));
        self.blobs(repository).join(name)
    }

    pub(crate) fn lock(&self, repository: &Repository, digest: &Digest) -> PathBuf {
        let locks = self.root.join(".locks").join(repository.folder());
        locks.join(format!("{}.lock", digest.as_str()))
    }

    pub(crate) fn snapshot_folder(&self, repository: &Repository, commit: &str) -> PathBuf {
        self.folder(repository).join("snapshots").join(commit)
    }

    fn absent_folder(&self, repository: &Repository, commit: &str) -> PathBuf {
        self.folder(repository).join(".no_exist").join(commit)
    }

    /// The cached files of a commit.
    ///
    /// # Errors
    /// If the cache can't be read.
    pub(crate) fn commit(&self, repository: &Repository, commit: &str) -> Result<Option<Snapshot>> {
        let directory = self.snapshot_folder(repository, commit);
        Snapshot::read(directory, &self.absent_folder(repository, commit), commit)
    }

    /// The cached files of a repository at a revision.
    ///
    /// # Errors
    /// If the cache can't be read.
    pub(crate) fn snapshot(
        &self,
        repository: &Repository,
        revision: &Revision,
    ) -> Result<Option<Snapshot>> {
        let commit = if revision.is_commit() {
            Some(revision.name().to_owned())
        } else {
            self.reference(repository, revision)?
        };
        match commit {
            Some(commit) => self.commit(repository, &commit),
            None => Ok(None),
        }
    }

    /// The last known commit of a revision.
    fn reference(&self, repository: &Repository, revision: &Revision) -> Result<Option<String>> {
        let path = self.reference_path(repository, revision);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text.trim().to_owned()).filter(|commit| is_commit(commit))),
            Err(error) if is_absence(&error) => Ok(None),
            Err(error) => Err(Error::of(&path)(error)),
        }
    }

    fn reference_path(&self, repository: &Repository, revision: &Revision) -> PathBuf {
        self.folder(repository).join("refs").join(revision.name())
    }

    /// Stores the commit of a revision, if it's new.
    ///
    /// # Errors
    /// If the cache isn't writable.
    pub(crate) fn remember(
        &self,
        repository: &Repository,
        revision: &Revision,
        commit: &str,
    ) -> Result<()> {
        let known = self.reference(repository, revision)?;
        if revision.name() == commit || known.as_deref() == Some(commit) {
            return Ok(());
        }
        link::write(&self.reference_path(repository, revision), commit)
    }

    /// Records that a commit has no such file.
    ///
    /// # Errors
    /// If the cache isn't writable.
    pub(crate) fn remember_absence(
        &self,
        repository: &Repository,
        commit: &str,
        name: &str,
    ) -> Result<()> {
        let path = self.absent_folder(repository, commit).join(name);
        if path.exists() {
            return Ok(());
        }
        link::write(&path, "")
    }

    /// Creates the folders for a download.
    ///
    /// # Errors
    /// If the cache isn't writable.
    pub(crate) fn prepare(&self, repository: &Repository) -> Result<()> {
        let blobs = self.blobs(repository);
        fs::create_dir_all(&blobs).map_err(Error::of(&blobs))?;
        let tag = self.root.join("CACHEDIR.TAG");
        if !tag.exists() {
            link::write(&tag, CACHE_TAG)?;
        }
        Ok(())
    }

    /// All cached repositories of a kind, sorted by id. Ignores entries that don't belong to the cache's
    /// layout.
    ///
    /// # Errors
    /// If the cache's folder exists and can't be read.
    pub(crate) fn repositories(&self, kind: Kind) -> Result<Vec<CachedRepository>> {
        let listing = match fs::read_dir(&self.root) {
            Err(error) if is_absence(&error) => return Ok(Vec::new()),
            listing => listing.map_err(Error::of(&self.root))?,
        };
        let prefix = format!("{}--", kind.plural());
        let mut found = Vec::new();
        for entry in listing.flatten() {
            let name = entry.file_name();
            let id = name.to_str().and_then(|name| name.strip_prefix(&prefix));
            let Some(Ok(repository)) = id.map(|id| Repository::new(kind, &id.replace("--", "/")))
            else {
                continue;
            };
            found.extend(self.describe(repository)?);
        }
        found.sort_by(|a, b| a.repository.id().cmp(b.repository.id()));
        Ok(found)
    }

    fn describe(&self, repository: Repository) -> Result<Option<CachedRepository>> {
        let mut references = HashMap::new();
        collect_references(&self.folder(&repository).join("refs"), "", &mut references);
        let mut revisions = Vec::new();
        let snapshots = self.folder(&repository).join("snapshots");
        for entry in fs::read_dir(snapshots).into_iter().flatten().flatten() {
            let Ok(commit) = entry.file_name().into_string() else {
                continue;
            };
            if let Some(snapshot) = self.commit(&repository, &commit)? {
                let mut references: Vec<String> = references.remove(&commit).unwrap_or_default();
                references.sort();
                revisions.push(CachedRevision {
                    references,
                    snapshot,
                });
            }
        }
        revisions.sort_by(|a, b| a.snapshot.commit.cmp(&b.snapshot.commit));
        let size = size_of(&revisions);
        let described = CachedRepository {
            repository,
            revisions,
            size,
        };
        Ok((!described.revisions.is_empty()).then_some(described))
    }
}

/// Whether the blob exists with the expected size.
pub(crate) fn is_whole(blob: &Path, size: u64) -> bool {
    fs::metadata(blob).is_ok_and(|metadata| metadata.is_file() && metadata.len() == size)
}

fn is_absence(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory
    )
}

/// References by commit. Their names may contain slashes: `refs/pr/15`.
fn collect_references(folder: &Path, prefix: &str, found: &mut HashMap<String, Vec<String>>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let name = format!("{prefix}{name}");
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect_references(&entry.path(), &format!("{name}/"), found);
        } else if let Ok(commit) = fs::read_to_string(entry.path()) {
            found
                .entry(commit.trim().to_owned())
                .or_default()
                .push(name);
        }
    }
}

fn size_of(revisions: &[CachedRevision]) -> u64 {
    let files = revisions.iter().flat_map(|revision| {
        let directory = &revision.snapshot.directory;
        let files = revision.snapshot.files.iter();
        files.map(move |file| (directory.join(&file.name), file.size))
    });
    let blobs: HashMap<PathBuf, u64> = files
        .map(|(path, size)| (path.canonicalize().unwrap_or(path), size))
        .collect();
    blobs.values().sum()
}
