use net::Again;

use crate::Error;

/// Why one attempt failed, and whether another may succeed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Box<Error>,
    pub(crate) again: Again,
}

impl Failure {
    pub(crate) fn passing(error: Error) -> Self {
        Self {
            error: Box::new(error),
            again: Again::Soon,
        }
    }
}

/// What nothing else is said of will not pass.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self {
            error: Box::new(error),
            again: Again::Never,
        }
    }
}
