use std::time::Duration;

use net::{Attempts, Retry};

use crate::Result;
use crate::failure::Failure;

/// Does it until it succeeds, fails for good or the attempts are spent. `waiting` is told of waits.
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

/// Waits until it is worth trying again.
///
/// # Errors
/// The failure's error, when it will not pass or has come too often.
pub(crate) async fn pause(
    attempts: &mut Attempts,
    failure: Failure,
    waiting: &dyn Fn(Duration),
) -> Result<()> {
    let Some(wait) = attempts.wait(failure.again) else {
        return Err(*failure.error);
    };
    waiting(wait);
    tokio::time::sleep(wait).await;
    Ok(())
}
