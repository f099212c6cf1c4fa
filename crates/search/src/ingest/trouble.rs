use super::report::Failure;
use crate::error::{Error, Result};

/// Why a picture wasn't prepared: its own fault, which is reported, or the collection's, which ends the run.
pub(super) enum Trouble {
    Picture(picture::Error),
    Metadata(index::Error),
    IdIsTaken { id: String, holder: String },
    Collection(Error),
}

impl From<picture::Error> for Trouble {
    fn from(error: picture::Error) -> Trouble {
        Trouble::Picture(error)
    }
}

impl<E: Into<Error>> From<E> for Trouble {
    fn from(error: E) -> Trouble {
        Trouble::Collection(error.into())
    }
}

impl Trouble {
    /// The failure to report.
    ///
    /// # Errors
    /// The error, if it is the collection's.
    pub(super) fn failure(self, location: String) -> Result<Failure> {
        Ok(match self {
            Trouble::Collection(error) => return Err(error),
            Trouble::Picture(error) => Failure::of(location, &error),
            Trouble::IdIsTaken { id, holder } => Failure::of_taken_id(location, &id, &holder),
            Trouble::Metadata(error) => Failure::of_metadata(location, &error),
        })
    }
}
