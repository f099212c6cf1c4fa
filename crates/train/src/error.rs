use std::{io, path::PathBuf};

/// What can go wrong while a model is trained.
///
/// The cause, where there is one, is the [`source`](std::error::Error::source).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is nothing to tell apart.
    #[error("{found} different {what} to train on, expected at least 2")]
    TooFew {
        /// `pictures` or `captions`.
        what: &'static str,
        /// How many there are.
        found: usize,
    },
    /// A setting that makes no sense.
    #[error("{setting} is {found}, expected {expected}")]
    Setting {
        /// What it is called.
        setting: &'static str,
        /// Its value.
        found: String,
        /// What it may be.
        expected: &'static str,
    },
    /// The loss or a gradient is no finite number.
    #[error("training diverged at step {step}: the {what} is not a finite number")]
    Diverged {
        /// The step, from 1 on.
        step: usize,
        /// `loss` or `gradient`.
        what: &'static str,
    },
    /// A file of the run can't be read or written.
    #[error("cannot use `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The folder holds another run.
    #[error("`{}` holds a run with other {what}", folder.display())]
    OtherRun {
        /// The folder.
        folder: PathBuf,
        /// What differs: `weights`, `settings` or `examples`.
        what: &'static str,
    },
    /// The folder holds something else.
    #[error("`{}` is not empty and holds no training run", folder.display())]
    Occupied {
        /// The folder.
        folder: PathBuf,
    },
    /// A model can't be loaded, trained or saved.
    #[error(transparent)]
    Model(#[from] clip::Error),
}

impl Error {
    /// What to do about it, where there is something to say.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::TooFew { .. } => {
                Some("the loss compares pairs with each other: give more pictures and captions")
            }
            Self::Diverged { .. } => {
                Some("lower --learning-rate; the last checkpoint in the folder is intact")
            }
            Self::OtherRun { .. } => Some("give another folder, or --restart to begin anew"),
            Self::Occupied { .. } => Some("give a new directory"),
            Self::Model(error) => error.hint(),
            _ => None,
        }
    }
}

impl From<candle_core::Error> for Error {
    fn from(error: candle_core::Error) -> Self {
        Self::Model(error.into())
    }
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
