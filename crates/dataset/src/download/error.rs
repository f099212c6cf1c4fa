use std::io;
use std::path::{Path, PathBuf};

use crate::FetchError;

/// Why pictures could not be downloaded. What is wrong with one of them is no error, but an
/// [`Outcome`](super::Outcome).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DownloadError {
    /// The folder cannot be written to.
    #[error("cannot write to `{}`", folder.display())]
    Write {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Another process is downloading to the folder.
    #[error("another clipseek is downloading to `{}`", folder.display())]
    Busy {
        /// The folder.
        folder: PathBuf,
    },
    /// The folder has pictures that were kept in another way.
    #[error("the pictures in `{}` are kept {before}, not {now}", folder.display())]
    OtherKeeping {
        /// The folder.
        folder: PathBuf,
        /// How they are kept.
        before: String,
        /// How they were to be kept now.
        now: String,
    },
    /// The journal cannot be read or written.
    #[error("cannot use the journal `{}`", path.display())]
    Journal {
        /// The journal.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
    /// The journal is none, or one of a later version.
    #[error("`{}` is not a journal of downloads that this version knows", path.display())]
    NotAJournal {
        /// The file.
        path: PathBuf,
    },
    /// Nothing can be fetched at all.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// A source cannot be read, or a manifest not be written.
    #[error(transparent)]
    Dataset(#[from] crate::Error),
}

impl DownloadError {
    /// What makes a [`DownloadError::Write`] of what the system says.
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

    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Busy { .. } => Some("wait for it, or name another folder".to_owned()),
            Self::OtherKeeping { .. } => {
                Some("name another folder, or keep them as before".to_owned())
            }
            Self::NotAJournal { .. } => {
                Some("name another folder, or use the newer version".to_owned())
            }
            Self::Fetch(error) => error.hint(),
            Self::Write { .. } | Self::Journal { .. } | Self::Dataset(_) => None,
        }
    }
}
