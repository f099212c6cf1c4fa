use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use picture::{ContentHash, Limits};

use super::error::DownloadError;
use super::inspection::{Inspected, inspect};
use super::keeping::Keeping;
use super::outcome::{FetchedPicture, KeptFile};
use super::reason::Reason;

/// The folder of pictures, each under the hash of its content: a picture of two URLs is there once.
#[derive(Debug)]
pub(super) struct Shelf {
    folder: PathBuf,
}

/// The pictures' folder within a download's.
const IMAGES: &str = "images";
/// Where files are until they are whole, which is within, so that they can be renamed.
const UNFINISHED: &str = ".unfinished";

impl Shelf {
    /// Opens the shelf in the folder of a download; what an interrupted run had not finished goes away.
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

    /// Decodes a picture, and keeps it as it is to be kept.
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

    /// Keeps `bytes` under the hash `sha256`, if they are not there already.
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
        // Temporary files are private by default; this one becomes a file like any other.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut unfinished = builder.tempfile_in(self.folder.join(IMAGES).join(UNFINISHED))?;
        unfinished.write_all(bytes)?;
        unfinished.persist(&path).map_err(|failure| failure.error)?;
        Ok(file)
    }

    /// Whether a file is there and whole: after a power cut it may be shorter than it was written.
    pub(super) fn has(&self, file: &KeptFile) -> bool {
        let metadata = self.folder.join(&file.path).metadata();
        metadata.is_ok_and(|metadata| metadata.len() == file.length)
    }
}

impl Drop for Shelf {
    fn drop(&mut self) {
        // Empty, or an interrupted run's, of which the next one takes care.
        let _ = fs::remove_dir(self.folder.join(IMAGES).join(UNFINISHED));
    }
}
