use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use lru::LruCache;
use tokio::task::AbortHandle;

use super::problem::Problem;
use crate::workspace::Scope;

/// How long a request waits for a computation.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// The maximum number of cached results, for all collections together.
const MOST: NonZeroUsize = NonZeroUsize::new(64).expect("not 0");

/// A cache of slow computations about collections. Each runs once at a time, continues if its client disconnects, and is
/// cached until the catalogue changes or it is evicted. Results must not depend on the key.
pub(super) struct ComputationCache<T> {
    /// By collection and question.
    computations: Mutex<LruCache<(String, String), Computation<T>>>,
}

struct Computation<T> {
    /// The state of the catalogue at its start.
    state: i64,
    answer: Answer<T>,
    /// The task that computes it.
    work: AbortHandle,
}

/// The result or the error.
type Answer<T> = Shared<BoxFuture<'static, Result<Arc<T>, Arc<str>>>>;

impl<T> Default for ComputationCache<T> {
    fn default() -> Self {
        Self {
            computations: Mutex::new(LruCache::new(MOST)),
        }
    }
}

impl<T> fmt::Debug for ComputationCache<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ComputationCache")
    }
}

impl<T: Send + Sync + 'static> ComputationCache<T> {
    /// The result of `find` for a collection and the question `asked`.
    pub(super) async fn of(
        &self,
        scope: &Scope,
        name: &str,
        asked: String,
        find: impl Future<Output = Result<T, Problem>> + Send + 'static,
    ) -> Result<Arc<T>, Problem> {
        let state = scope.look_in(name, |_, collection| Ok(collection.catalogue_state()?));
        let key = (name.to_owned(), asked);
        let answer = self.answer(key.clone(), state.await?, find)?;
        match tokio::time::timeout(LONGEST_WAIT, answer).await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(reason)) => {
                self.computations().pop(&key);
                Err(Problem::internal(&*reason))
            }
            Err(_) => Err(Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "still computing; try again later",
            )),
        }
    }

    /// The cached or running computation, or a new one.
    fn answer(
        &self,
        key: (String, String),
        state: i64,
        find: impl Future<Output = Result<T, Problem>> + Send + 'static,
    ) -> Result<Answer<T>, Problem> {
        let mut computations = self.computations();
        if let Some(known) = computations.get(&key)
            && (known.state == state || known.is_running())
        {
            return Ok(known.answer.clone());
        }
        make_room(&mut computations)?;
        let task = tokio::spawn(find);
        let work = task.abort_handle();
        let answer = task.map(|done| match done {
            Ok(Ok(found)) => Ok(Arc::new(found)),
            Ok(Err(problem)) => Err(Arc::from(problem.detail())),
            Err(error) => Err(Arc::from(error.to_string())),
        });
        let answer = answer.boxed().shared();
        let computation = Computation {
            state,
            answer: answer.clone(),
            work,
        };
        computations.put(key, computation);
        Ok(answer)
    }

    fn computations(&self) -> MutexGuard<'_, LruCache<(String, String), Computation<T>>> {
        self.computations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Computation<T> {
    /// Whether it is still running.
    fn is_running(&self) -> bool {
        !self.work.is_finished()
    }
}

/// Evicts the least recently used result if the cache is full. Running computations stay.
fn make_room<T>(
    computations: &mut LruCache<(String, String), Computation<T>>,
) -> Result<(), Problem> {
    if computations.len() < computations.cap().get() {
        return Ok(());
    }
    let mut oldest = computations.iter().rev();
    let done = oldest.find(|(_, computation)| !computation.is_running());
    let Some(key) = done.map(|(key, _)| key.clone()) else {
        return Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too many computations in progress; try again later",
        ));
    };
    computations.pop(&key);
    Ok(())
}
