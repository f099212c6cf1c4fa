use net::RetryAdvice;

use crate::Error;

/// The error of one attempt, and whether to retry.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Box<Error>,
    pub(crate) retry_advice: RetryAdvice,
}

impl Failure {
    pub(crate) fn passing(error: Error) -> Self {
        Self {
            error: Box::new(error),
            retry_advice: RetryAdvice::WithBackoff,
        }
    }
}

/// Other errors aren't retried.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self {
            error: Box::new(error),
            retry_advice: RetryAdvice::Never,
        }
    }
}
