use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use picture::{ContentHash, Limits};

use super::error::DownloadError;
use super::inspection::{Inspected, inspect};
use super::keeping::Keeping;
use super::outcome::{FetchedPicture, KeptFile};
use super::reason::Reason;

/// The folder of pictures, named by the hash of their content. So a picture of two URLs is stored once.
#[derive(Debug)]
pub(super) struct Shelf {
    folder: PathBuf,
}

/// The folder of pictures within a download's folder.
const IMAGES: &str = "images";
/// The folder of incomplete files. It's inside, so that files can be renamed into place.
const UNFINISHED: &str = ".unfinished";

impl Shelf {
    /// Opens the shelf in a download's folder. Deletes incomplete files of an interrupted run.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        let unfinished = folder.join(IMAGES).join(UNFINISHED);
        match fs::remove_dir_all(&unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => fs::create_dir_all(&unfinished)?,
        }
        Ok(Self {
            folder: folder.to_owned(),
        })
    }

    /// Decodes a picture and stores it as the options say.
    pub(super) fn take(
        &self,
        bytes: Vec<u8>,
        limits: &Limits,
        keeping: Keeping,
    ) -> Result<Result<FetchedPicture, Reason>, DownloadError> {
        let length = bytes.len() as u64;
        let Inspected { size, sha256, kept } = match inspect(bytes, limits, keeping) {
            Ok(inspected) => inspected,
            Err(error) => return Ok(Err(Reason::of_decoding(&error))),
        };
        let file = kept.map(|(bytes, extension)| self.keep(&sha256, extension, &bytes));
        let file = file.transpose();
        Ok(Ok(FetchedPicture {
            bytes: length,
            width: size.width,
            height: size.height,
            sha256,
            file: file.map_err(DownloadError::write(&self.folder))?,
        }))
    }

    /// Stores `bytes` under the hash `sha256`, unless they exist.
    fn keep(&self, sha256: &ContentHash, extension: &str, bytes: &[u8]) -> io::Result<KeptFile> {
        let sha256 = sha256.to_string();
        let file = KeptFile {
            path: format!("{IMAGES}/{}/{sha256}.{extension}", &sha256[..2]),
            length: bytes.len() as u64,
        };
        if self.has(&file) {
            return Ok(file);
        }
        let path = self.folder.join(&file.path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut builder = tempfile::Builder::new();
        // Temporary files are private by default; this one becomes an ordinary file.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut unfinished = builder.tempfile_in(self.folder.join(IMAGES).join(UNFINISHED))?;
        unfinished.write_all(bytes)?;
        unfinished.persist(&path).map_err(|failure| failure.error)?;
        Ok(file)
    }

    /// Whether a file exists and is complete. After a power failure it may be shorter than written.
    pub(super) fn has(&self, file: &KeptFile) -> bool {
        let metadata = self.folder.join(&file.path).metadata();
        metadata.is_ok_and(|metadata| metadata.len() == file.length)
    }
}

impl Drop for Shelf {
    fn drop(&mut self) {
        // Empty, or left by an interrupted run for the next one to delete.
        let _ = fs::remove_dir(self.folder.join(IMAGES).join(UNFINISHED));
    }
}
