use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::cache::is_whole;
use crate::digest::{Digest, Hasher};
use crate::disk_space;
use crate::{Error, Result};

/// A partial download: `blobs/<hash>.incomplete`, which becomes `blobs/<hash>` when it's complete and
/// verified. It stays after an interruption, so that the download can resume.
///
/// `huggingface_hub` before 1.0 uses the same name, so its parts are resumed too. Newer versions give each
/// process its own part and delete it.
///
/// There is one writer: the holder of the lock, or of an [`OwnPart`].
pub(crate) struct Part {
    path: PathBuf,
    file: File,
    digest: Digest,
    hasher: Hasher,
    size: u64,
    length: u64,
}

/// The number of bytes hashed at a time when resuming.
const READ_AT_ONCE: usize = 1 << 20;

impl Part {
    /// Opens the part at `path` of a file with this size and hash, or creates it.
    ///
    /// # Errors
    /// If it can be neither created nor read.
    pub(crate) fn open(path: PathBuf, digest: Digest, size: u64) -> Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(Error::of(&path))?;
        let hasher = digest.hasher(size);
        let mut part = Self {
            path,
            file,
            digest,
            hasher,
            size,
            length: 0,
        };
        if part.file.metadata().map_err(Error::of(&part.path))?.len() > size {
            part.start_over()?;
        } else {
            part.hash_what_is_there().map_err(Error::of(&part.path))?;
        }
        Ok(part)
    }

    /// The number of downloaded bytes.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// The number of missing bytes.
    pub(crate) fn missing(&self) -> u64 {
        self.size - self.length
    }

    /// Appends bytes, at most as many as are missing.
    ///
    /// # Errors
    /// [`Error::DiskFull`], and if the part isn't writable.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.file.write(rest) {
                Ok(0) => return Err(self.cannot_write(ErrorKind::WriteZero.into())),
                Ok(written) => {
                    self.hasher.update(&rest[..written]);
                    self.length += written as u64;
                    rest = &rest[written..];
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.cannot_write(error)),
            }
        }
        Ok(())
    }

    /// Deletes the downloaded bytes.
    ///
    /// # Errors
    /// If the part isn't writable.
    pub(crate) fn start_over(&mut self) -> Result<()> {
        let emptied = self.file.set_len(0).and_then(|()| self.file.rewind());
        emptied.map_err(Error::of(&self.path))?;
        self.hasher = self.digest.hasher(self.size);
        self.length = 0;
        Ok(())
    }

    /// Whether the bytes have the expected hash. Deletes them if not.
    ///
    /// # Errors
    /// If the part isn't writable.
    pub(crate) fn verify(&mut self) -> Result<bool> {
        let hasher = std::mem::replace(&mut self.hasher, self.digest.hasher(self.size));
        let right = self.length == self.size && hasher.finish() == self.digest;
        if !right {
            self.start_over()?;
        }
        Ok(right)
    }

    /// Writes a verified part durably and renames it to the blob, replacing any file there.
    ///
    /// # Errors
    /// If the system refuses.
    pub(crate) fn finish(self, blob: &Path) -> Result<()> {
        if let Err(error) = self.file.sync_all() {
            return Err(self.cannot_write(error));
        }
        match fs::rename(&self.path, blob) {
            // Another process may have deleted this part as a leftover after the blob existed.
            Err(error) if error.kind() == ErrorKind::NotFound && is_whole(blob, self.size) => {}
            renamed => renamed.map_err(Error::of(blob))?,
        }
        sync_folder(blob);
        Ok(())
    }

    /// Deletes the part.
    pub(crate) fn discard(self) {
        // If this fails, the next attempt resumes the empty part.
        let _ = fs::remove_file(&self.path);
    }

    fn hash_what_is_there(&mut self) -> io::Result<()> {
        let mut buffer = vec![0; READ_AT_ONCE];
        // Limits the read: a device at this path would never end.
        let limit = self.file.metadata()?.len();
        let mut there = (&self.file).take(limit);
        loop {
            let count = there.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            self.hasher.update(&buffer[..count]);
            self.length += count as u64;
        }
        self.file.seek(SeekFrom::Start(self.length))?;
        Ok(())
    }

    fn cannot_write(&self, error: io::Error) -> Error {
        let full = matches!(
            error.kind(),
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded
        );
        if !full {
            return Error::of(&self.path)(error);
        }
        let folder = self.path.parent().unwrap_or(&self.path);
        Error::DiskFull {
            path: folder.to_owned(),
            needed: self.missing(),
            free: disk_space::free(folder).unwrap_or(0),
        }
    }
}

/// A uniquely named part, for file systems without locks. Renames an earlier download from the shared name to
/// resume it, and renames an unfinished part back.
pub(crate) struct OwnPart {
    path: PathBuf,
    known: PathBuf,
}

impl OwnPart {
    /// Renames the part at `known`, if any, to `path`.
    pub(crate) fn take(known: PathBuf, path: PathBuf) -> Self {
        // It may not exist, and another process may be faster.
        let _ = fs::rename(&known, &path);
        Self { path, known }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for OwnPart {
    fn drop(&mut self) {
        // A finished part no longer exists.
        let _ = fs::rename(&self.path, &self.known);
    }
}

/// Makes a rename durable, if the system supports it.
fn sync_folder(blob: &Path) {
    if let Some(Ok(folder)) = blob.parent().map(File::open) {
        // Not every file system syncs folders; the file itself is on the disk.
        let _ = folder.sync_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: &str = "ce013625030ba8dba906f756967f9e9ca394464a";

    fn open(folder: &Path) -> Part {
        let digest = Digest::of_etag(HELLO).unwrap();
        Part::open(folder.join("part"), digest, 6).unwrap()
    }

    #[test]
    fn a_part_is_taken_up_where_it_was_left() {
        let folder = tempfile::tempdir().unwrap();
        let mut part = open(folder.path());
        part.append(b"hel").unwrap();
        drop(part);
        let mut part = open(folder.path());
        assert_eq!((part.length(), part.missing()), (3, 3));
        part.append(b"lo\n").unwrap();
        assert!(part.verify().unwrap());
        part.finish(&folder.path().join("blob")).unwrap();
        assert_eq!(fs::read(folder.path().join("blob")).unwrap(), b"hello\n");
        assert!(!folder.path().join("part").exists());
    }

    #[test]
    fn a_part_that_was_cleared_away_is_done_if_the_file_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let blob = folder.path().join("blob");
        let finish = || {
            let mut part = open(folder.path());
            part.append(b"hello\n").unwrap();
            fs::remove_file(folder.path().join("part")).unwrap();
            part.finish(&blob)
        };
        assert!(finish().is_err());
        fs::write(&blob, "hello\n").unwrap();
        finish().unwrap();
        fs::write(&blob, "hel").unwrap();
        assert!(finish().is_err());
    }

    #[test]
    fn a_part_that_was_taken_away_is_given_back() {
        let folder = tempfile::tempdir().unwrap();
        let (known, path) = (folder.path().join("part"), folder.path().join("own"));
        fs::write(&known, "hel").unwrap();
        let own = OwnPart::take(known.clone(), path.clone());
        assert!(!known.exists());
        assert_eq!(fs::read(own.path()).unwrap(), b"hel");
        drop(own);
        assert_eq!(fs::read(&known).unwrap(), b"hel");
        assert!(!path.exists());
    }

    #[test]
    fn wrong_bytes_are_thrown_away() {
        let folder = tempfile::tempdir().unwrap();
        let mut part = open(folder.path());
        part.append(b"Hello\n").unwrap();
        assert!(!part.verify().unwrap());
        assert_eq!(part.length(), 0);
        part.append(b"hello\n").unwrap();
        assert!(part.verify().unwrap());
    }

    #[test]
    fn a_part_longer_than_the_file_is_thrown_away() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("part"), "hello hello").unwrap();
        assert_eq!(open(folder.path()).length(), 0);
    }
}
