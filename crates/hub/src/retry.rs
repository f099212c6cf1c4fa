use std::time::Duration;

use net::{Attempts, Retry};

use crate::Result;
use crate::failure::Failure;

/// Runs `attempt` until it succeeds, fails permanently, or the retries are used up. Calls `waiting` before
/// each wait.
pub(crate) async fn run<T>(
    retry: Retry,
    waiting: &dyn Fn(Duration),
    mut attempt: impl AsyncFnMut() -> Result<T, Failure>,
) -> Result<T> {
    let mut attempts = retry.attempts();
    loop {
        match attempt().await {
            Ok(value) => return Ok(value),
            Err(failure) => pause(&mut attempts, failure, waiting).await?,
        }
    }
}

/// Waits before a retry.
///
/// # Errors
/// The failure's error, if it shouldn't be retried or the retries are used up.
pub(crate) async fn pause(
    attempts: &mut Attempts,
    failure: Failure,
    waiting: &dyn Fn(Duration),
) -> Result<()> {
    let Some(wait) = attempts.wait(failure.retry_advice) else {
        return Err(*failure.error);
    };
    waiting(wait);
    tokio::time::sleep(wait).await;
    Ok(())
}
