use std::time::Duration;

use crate::Error;

/// Why one attempt failed, and whether another may succeed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Box<Error>,
    pub(crate) again: Again,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    Never,
    /// A few times: who has no network should not wait long to learn it.
    Briefly,
    Soon,
    /// The server said when.
    After(Duration),
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
