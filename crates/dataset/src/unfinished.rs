use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::{Error, Result};

/// A temporary file beside its path that is renamed when finished. If dropped before, it leaves nothing
/// behind.
#[derive(Debug)]
pub struct Unfinished {
    path: PathBuf,
    file: NamedTempFile,
}

impl Unfinished {
    /// Starts a file that will become `path`.
    ///
    /// # Errors
    /// [`Error::Write`] if the folder isn't writable, or if something other than a file has the name.
    pub fn create(path: &Path) -> Result<Self> {
        // A link stays: the file that it leads to is replaced.
        let path = &path.canonicalize().unwrap_or_else(|_| path.to_owned());
        if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
            let source = io::Error::new(io::ErrorKind::InvalidInput, "not a regular file");
            return Err(Error::write(path)(source));
        }
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        fs::metadata(folder).map_err(Error::write(path))?;
        let mut builder = tempfile::Builder::new();
        builder.prefix(".clipseek-").suffix(".part");
        // Temporary files are private by default; this one becomes an ordinary file.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let file = builder.tempfile_in(folder);
        // The library's error names the temporary file, which confuses users.
        let file = file.map_err(|error| Error::write(path)(error.kind().into()))?;
        Ok(Self {
            path: path.to_owned(),
            file,
        })
    }

    /// Writes the content durably and renames the file, replacing an existing one.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn finish(self) -> Result<()> {
        let error = Error::write(&self.path);
        self.file.as_file().sync_all().map_err(&error)?;
        self.file
            .persist(&self.path)
            .map_err(|failure| error(failure.error))?;
        Ok(())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn file(&mut self) -> &mut File {
        self.file.as_file_mut()
    }
}

impl Write for Unfinished {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file().flush()
    }
}

impl Seek for Unfinished {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.file().seek(position)
    }
}
