//! Deleting and merging collections, and removing pictures.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use dataset::Address;
use search::{AddOptions, Collection, MergeEvent, MergeReport, Store, StoreSettings};

use crate::clipseek::Clipseek;
use crate::error::{Error, Result};
use crate::real_path::resolved;
use crate::sources::{absolute, file_location};

/// The result of deleting a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// It was deleted.
    Done {
        /// Whether downloaded pictures were deleted with it.
        with_fetched: bool,
        /// Whether uploaded pictures were deleted with it.
        with_uploaded: bool,
    },
    /// The deletion was stopped first.
    Stopped,
}

/// Pictures removed from a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forgotten {
    /// Their path, folder or URL, or the id of the picture.
    pub location: String,
    /// Their number.
    pub pictures: usize,
}

/// A request to merge collections into another.
#[derive(Clone, Debug)]
pub struct MergeRequest {
    /// The sources.
    pub from: Vec<String>,
    /// The store of the sources; `None` for the same store.
    pub from_store: Option<PathBuf>,
    /// The target, created if needed.
    pub into: String,
}

/// The result of merging one collection.
#[derive(Clone, Debug)]
pub struct Merged {
    /// The collection.
    pub name: String,
    /// The counts of pictures.
    pub report: MergeReport,
    /// The number of downloaded pictures whose files are missing.
    pub without_files: usize,
}

impl Clipseek {
    /// Deletes a collection with its vectors and its downloaded and uploaded pictures. Other files stay, and so do uploads
    /// that another collection contains.
    ///
    /// # Errors
    /// [`Error::Search`] if it does not exist or its engine fails, [`Error::Remove`].
    pub fn delete_collection(&self, name: &str, stop: &AtomicBool) -> Result<Deletion> {
        let store = self.existing_store()?;
        let waiting = || self.report_waiting();
        let options = AddOptions {
            stop,
            waiting: &waiting,
            ..AddOptions::default()
        };
        if !store.delete_collection(name, &options)? {
            return Ok(Deletion::Stopped);
        }
        let downloads = store.downloads(name);
        let with_fetched = match fs::remove_dir_all(&downloads) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(source) => {
                return Err(Error::Remove {
                    path: downloads,
                    source,
                });
            }
        };
        Ok(Deletion::Done {
            with_fetched,
            with_uploaded: store.remove_uploads_of_deleted()? > 0,
        })
    }

    /// Removes pictures from a collection: those at or below a path or URL, or else the one with that id. The files stay, and
    /// need not exist.
    ///
    /// # Errors
    /// [`Error::Fetch`] for an invalid URL, and errors of the collection.
    pub fn forget(
        &self,
        collection: &Collection<'_>,
        path: &Path,
        stop: &AtomicBool,
    ) -> Result<Forgotten> {
        let waiting = || self.report_waiting();
        let options = AddOptions {
            stop,
            waiting: &waiting,
            ..AddOptions::default()
        };
        let mut location = location_of(path)?;
        let mut pictures = collection.forget(&location, &options)?;
        let resolved = file_location(&resolved(path));
        if pictures == 0 && resolved != location && path.exists() {
            location = resolved;
            pictures = collection.forget(&location, &options)?;
        }
        let id = path.to_str().filter(|_| pictures == 0);
        if let Some(id) = id
            && collection.forget_id(id, &options)?
        {
            return Ok(Forgotten {
                location: id.to_owned(),
                pictures: 1,
            });
        }
        Ok(Forgotten { location, pictures })
    }

    /// Copies the pictures of collections into another, with their embeddings. Calls `progress` for the pictures of each
    /// source, `merged` after each source. Ends early when `stop` is set.
    ///
    /// # Errors
    /// [`Error::MergeIntoItself`], [`Error::MergeOfModels`], [`Error::NoCollections`] for a missing store, and errors of
    /// the stores.
    pub fn merge(
        &self,
        request: &MergeRequest,
        stop: &AtomicBool,
        mut progress: impl FnMut(&Collection<'_>, MergeEvent<'_>),
        mut merged: impl FnMut(&Merged),
    ) -> Result<Vec<Merged>> {
        Store::check_name(&request.into)?;
        let store = self.store()?;
        let other_store = request.open_from(self.engines())?;
        let from_store = other_store.as_ref().unwrap_or(store);
        let mut from = Vec::new();
        for name in &request.from {
            if other_store.is_none() && *name == request.into {
                return Err(Error::MergeIntoItself { name: name.clone() });
            }
            from.push(from_store.collection(name)?);
        }
        check_models(&from)?;
        let waiting = || self.report_waiting();
        let options = AddOptions {
            stop,
            waiting: &waiting,
            ..AddOptions::default()
        };
        let mut all = Vec::new();
        for other in &from {
            let into = store.collection_or_new(&request.into, other.model());
            let into = into.map_err(|error| explained(error, other.name(), &request.into))?;
            let one = merge(store, &into, other, &options, &mut progress)?;
            merged(&one);
            let is_stopped = one.report.stopped;
            all.push(one);
            if is_stopped {
                break;
            }
        }
        Ok(all)
    }
}

impl MergeRequest {
    fn open_from(&self, settings: StoreSettings) -> Result<Option<Store>> {
        let Some(directory) = &self.from_store else {
            return Ok(None);
        };
        if Store::is_at(directory) {
            return Ok(Some(Store::open_with(directory, settings)?));
        }
        Err(Error::NoCollections {
            store: directory.clone(),
        })
    }
}

/// Checks that all collections have the same model, before anything is created.
fn check_models(from: &[Collection<'_>]) -> Result<()> {
    let [first, others @ ..] = from else {
        return Ok(());
    };
    others.iter().try_for_each(|other| {
        let accepted = first.accept(other.model());
        accepted.map_err(|error| explained(error, other.name(), first.name()))
    })
}

/// The error of merging two incompatible collections.
fn explained(error: search::Error, name: &str, into: &str) -> Error {
    match error {
        search::Error::OtherModel { .. }
        | search::Error::OtherPrecision { .. }
        | search::Error::OtherTextModel { .. } => Error::MergeOfModels {
            name: name.to_owned(),
            into: into.to_owned(),
        },
        error => error.into(),
    }
}

/// Merges one collection, and counts its downloaded pictures whose files are missing.
fn merge(
    store: &Store,
    into: &Collection<'_>,
    other: &Collection<'_>,
    options: &AddOptions<'_>,
    progress: &mut impl FnMut(&Collection<'_>, MergeEvent<'_>),
) -> Result<Merged> {
    let folder = absolute(&store.downloads(into.name()))?;
    let mut without_files = 0;
    let copy = |file: &str| {
        let copy = copied(Path::new(file), &folder)?;
        without_files += usize::from(!copy.exists());
        Ok::<_, Error>(file_location(&copy))
    };
    let report = into.merge(other, options, copy, |event| progress(other, event))?;
    Ok(Merged {
        name: other.name().to_owned(),
        report,
        without_files,
    })
}

/// Copies a downloaded picture to another collection, as a hard link if possible. A missing file is not copied, and is
/// missing there too.
fn copied(file: &Path, folder: &Path) -> Result<PathBuf> {
    let name = file.file_name().unwrap_or_default();
    let group = file.parent().and_then(Path::file_name).unwrap_or_default();
    let copy = folder.join("images").join(group).join(name);
    if copy.exists() || !file.exists() {
        return Ok(copy);
    }
    let copying = || {
        fs::create_dir_all(copy.parent().unwrap_or(folder))?;
        if fs::hard_link(file, &copy).is_ok() {
            return Ok(());
        }
        // Renamed when it is complete.
        let beside = copy.with_extension("part");
        fs::copy(file, &beside)?;
        fs::rename(&beside, &copy)
    };
    copying().map_err(|source| Error::Copy {
        path: file.to_owned(),
        source,
    })?;
    Ok(copy)
}

/// A path or URL in the form that collections store.
fn location_of(path: &Path) -> Result<String> {
    if let Some(Address::Web(url)) = path.to_str().map(Address::of).transpose()?.flatten() {
        return Ok(url.to_string());
    }
    Ok(file_location(&absolute(path)?))
}
