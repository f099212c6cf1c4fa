use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::cache::is_whole;
use crate::digest::{Digest, Hasher};
use crate::space;
use crate::{Error, Result};

/// A file that is being fetched: `blobs/<hash>.incomplete`, which becomes `blobs/<hash>` when it is
/// whole and its hash is right. It stays when fetching is interrupted, to go on from there.
///
/// The name is that of `huggingface_hub` before 1.0, whose parts are therefore taken up too; since then
/// each of its processes has a part of its own, which it removes.
///
/// There is one writer: who holds the lock, or who has [taken the part away](OwnPart).
pub(crate) struct Part {
    path: PathBuf,
    file: File,
    digest: Digest,
    hasher: Hasher,
    size: u64,
    length: u64,
}

/// How much is read at once to hash what is there.
const READ_AT_ONCE: usize = 1 << 20;

impl Part {
    /// Takes up the part at `path` of a file with this size and hash, or begins it.
    ///
    /// # Errors
    /// When it can be neither made nor read.
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

    /// How many bytes of the file are there.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// How many bytes are still to come.
    pub(crate) fn missing(&self) -> u64 {
        self.size - self.length
    }

    /// Takes more bytes, no more than are missing.
    ///
    /// # Errors
    /// [`Error::DiskFull`], and when the part cannot be written to.
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

    /// Throws away what is there.
    ///
    /// # Errors
    /// When the part cannot be written to.
    pub(crate) fn start_over(&mut self) -> Result<()> {
        let emptied = self.file.set_len(0).and_then(|()| self.file.rewind());
        emptied.map_err(Error::of(&self.path))?;
        self.hasher = self.digest.hasher(self.size);
        self.length = 0;
        Ok(())
    }

    /// Whether the bytes are those that were announced. When they are not, they are thrown away.
    ///
    /// # Errors
    /// When the part cannot be written to.
    pub(crate) fn verify(&mut self) -> Result<bool> {
        let hasher = std::mem::replace(&mut self.hasher, self.digest.hasher(self.size));
        let right = self.length == self.size && hasher.finish() == self.digest;
        if !right {
            self.start_over()?;
        }
        Ok(right)
    }

    /// Brings a verified part to the disk and gives it its name, in place of whatever has it.
    ///
    /// # Errors
    /// When the system refuses.
    pub(crate) fn finish(self, blob: &Path) -> Result<()> {
        if let Err(error) = self.file.sync_all() {
            return Err(self.cannot_write(error));
        }
        match fs::rename(&self.path, blob) {
            // Who clears parts away may have taken this one for another's leavings, once the file was there.
            Err(error) if error.kind() == ErrorKind::NotFound && is_whole(blob, self.size) => {}
            renamed => renamed.map_err(Error::of(blob))?,
        }
        sync_folder(blob);
        Ok(())
    }

    /// Removes the part.
    pub(crate) fn discard(self) {
        // What stays behind is empty, and taken up by the next attempt.
        let _ = fs::remove_file(&self.path);
    }

    fn hash_what_is_there(&mut self) -> io::Result<()> {
        let mut buffer = vec![0; READ_AT_ONCE];
        // A device in the part's place would be read without end.
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
            free: space::free(folder).unwrap_or(0),
        }
    }
}

/// The name of a part that nobody else writes to, for where no lock keeps others away. What an earlier download left
/// under the name that all know is taken away to go on from, and what is left is given back.
pub(crate) struct OwnPart {
    path: PathBuf,
    known: PathBuf,
}

impl OwnPart {
    /// Takes what there is at `known` away to `path`.
    pub(crate) fn take(known: PathBuf, path: PathBuf) -> Self {
        // There need not be anything, and another may be quicker.
        let _ = fs::rename(&known, &path);
        Self { path, known }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for OwnPart {
    fn drop(&mut self) {
        // A part that became the blob is no longer there.
        let _ = fs::rename(&self.path, &self.known);
    }
}

/// Makes a rename last through a loss of power, where the system can.
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
