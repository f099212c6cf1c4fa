use std::io;
use std::path::{Path, PathBuf};

use crate::FetchError;

/// Errors of a download. A failed picture isn't an error, but an [`Outcome`](super::Outcome).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DownloadError {
    /// The folder isn't writable.
    #[error("cannot write to `{}`", folder.display())]
    Write {
        /// The folder.
        folder: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// Another process is downloading to the folder.
    #[error("another clipseek is downloading to `{}`", folder.display())]
    Busy {
        /// The folder.
        folder: PathBuf,
    },
    /// The folder's pictures were stored in another way.
    #[error("the pictures in `{}` are kept {before}, not {now}", folder.display())]
    OtherKeeping {
        /// The folder.
        folder: PathBuf,
        /// How they were stored.
        before: String,
        /// How they should be stored now.
        now: String,
    },
    /// The journal can't be read or written.
    #[error("cannot use the journal `{}`", path.display())]
    Journal {
        /// The journal.
        path: PathBuf,
        /// SQLite's error.
        #[source]
        source: rusqlite::Error,
    },
    /// The file isn't a journal, or is one of a later version.
    #[error("`{}` is not a download journal, or is one of a newer version", path.display())]
    NotAJournal {
        /// The file.
        path: PathBuf,
    },
    /// No picture can be downloaded.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// A source can't be read, or a manifest can't be written.
    #[error(transparent)]
    Dataset(#[from] crate::Error),
}

impl DownloadError {
    /// Maps a system error to a [`DownloadError::Write`].
    pub(super) fn write(folder: &Path) -> impl Fn(io::Error) -> Self {
        move |source| Self::Write {
            folder: folder.to_owned(),
            source,
        }
    }

    pub(super) fn journal(path: &Path, source: rusqlite::Error) -> Self {
        Self::Journal {
            path: path.to_owned(),
            source,
        }
    }

    /// A hint for the user, if there is one.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Busy { .. } => Some("wait for it, or use another folder".to_owned()),
            Self::OtherKeeping { .. } => {
                Some("use another folder, or store them as before".to_owned())
            }
            Self::NotAJournal { .. } => Some("use another folder, or the newer version".to_owned()),
            Self::Fetch(error) => error.hint(),
            Self::Write { .. } | Self::Journal { .. } | Self::Dataset(_) => None,
        }
    }
}
