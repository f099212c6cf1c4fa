//! Pictures uploaded to a server. The store owns their files and deletes them with their pictures or
//! collection.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use picture::ContentHash;

use crate::error::{Error, Result};
use crate::store::Store;

/// The folder of uploaded pictures.
const UPLOADS: &str = "uploads";

impl Store {
    /// The folder of the pictures uploaded to a collection.
    pub fn uploads(&self, collection: &str) -> PathBuf {
        let uploads = self.all_uploads().join(collection);
        std::path::absolute(&uploads).unwrap_or(uploads)
    }

    fn all_uploads(&self) -> PathBuf {
        self.directory().join(UPLOADS)
    }

    /// Deletes an uploaded file of a collection, unless a picture of any collection uses it. Returns whether
    /// it did. Files outside the folder of uploads stay.
    ///
    /// # Errors
    /// [`Error::RemoveUpload`], [`Error::Catalogue`] and [`Error::DamagedRecord`].
    pub fn remove_upload(&self, collection: &str, file: &Path) -> Result<bool> {
        if file.parent() != Some(&*self.uploads(collection)) || self.is_used(file)? {
            return Ok(false);
        }
        removed(file)
    }

    /// Whether a picture of any collection has this file.
    fn is_used(&self, file: &Path) -> Result<bool> {
        let Some(location) = file.to_str() else {
            return Ok(true);
        };
        let Ok(hash) = fs::File::open(file).and_then(ContentHash::of_reader) else {
            // An unreadable file may be used; a missing one needs no deletion.
            return Ok(true);
        };
        let hash = hash.to_string();
        for row in self.catalogue.collections()? {
            // The location of an upload is its file. A picture of a URL has the file beside its location.
            let same = self.catalogue.records_with_hash(row.key, &hash)?;
            if self.catalogue.record_at(row.key, location)?.is_some()
                || same.iter().any(|record| record.path() == file)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Deletes the files uploaded to collections that no longer exist, after an interrupted deletion too.
    /// Keeps files that pictures of other collections use. Returns the number of deleted files.
    ///
    /// # Errors
    /// [`Error::RemoveUpload`], [`Error::Catalogue`] and [`Error::DamagedRecord`].
    pub fn remove_uploads_of_deleted(&self) -> Result<usize> {
        let mut count = 0;
        for folder in entries(&self.all_uploads()) {
            let name = folder.file_name().and_then(|name| name.to_str());
            let Some(name) = name else { continue };
            if self.catalogue.collection(name)?.is_some() {
                continue;
            }
            let used = self.used_below(name)?;
            let files = entries(&folder).filter(|file| !file.is_dir());
            for file in files.filter(|file| !used.contains(file)) {
                count += usize::from(removed(&file)?);
            }
            // Fails, and should, if it isn't empty.
            let _ = fs::remove_dir(&folder);
        }
        Ok(count)
    }

    /// The uploaded files of a collection that pictures of any collection use.
    fn used_below(&self, name: &str) -> Result<HashSet<PathBuf>> {
        let (uploads, given) = (self.uploads(name), self.all_uploads().join(name));
        let all = self.catalogue.files_below(&uploads)?.into_iter();
        // With the same folder path as the walk yields.
        let names = all.filter_map(|file| Some(given.join(Path::new(&file).file_name()?)));
        Ok(names.collect())
    }
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path())
}

fn removed(file: &Path) -> Result<bool> {
    match fs::remove_file(file) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(Error::RemoveUpload {
            path: file.to_owned(),
            source,
        }),
    }
}
