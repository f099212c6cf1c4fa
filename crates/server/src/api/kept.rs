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

/// How long a request waits for what is being found out.
const PATIENCE: Duration = Duration::from_secs(20);

/// The most answers that are kept, of all collections together.
const MOST: NonZeroUsize = NonZeroUsize::new(64).expect("not 0");

/// What takes long to find out about a collection. It is found out by one at a time, goes on when whoever asked has gone
/// away, and is kept until the catalogue changes, or until more others were asked for since than are kept. It must not
/// depend on the key.
pub(super) struct Kept<T> {
    /// By the collection and what was asked about it.
    findings: Mutex<LruCache<(String, String), Finding<T>>>,
}

struct Finding<T> {
    /// That of the catalogue when it was begun.
    state: i64,
    answer: Answer<T>,
    /// That which finds it out.
    work: AbortHandle,
}

/// What is found, or what went wrong.
type Answer<T> = Shared<BoxFuture<'static, Result<Arc<T>, Arc<str>>>>;

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self {
            findings: Mutex::new(LruCache::new(MOST)),
        }
    }
}

impl<T> fmt::Debug for Kept<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kept")
    }
}

impl<T: Send + Sync + 'static> Kept<T> {
    /// What `find` finds out about a collection where it is `asked`.
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
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(said)) => {
                self.findings().pop(&key);
                Err(Problem::ours(&*said))
            }
            Err(_) => Err(Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "this takes longer; ask again, the work goes on meanwhile",
            )),
        }
    }

    /// That of the same state, or the one that is being found out; else it is begun.
    fn answer(
        &self,
        key: (String, String),
        state: i64,
        find: impl Future<Output = Result<T, Problem>> + Send + 'static,
    ) -> Result<Answer<T>, Problem> {
        let mut findings = self.findings();
        if let Some(known) = findings.get(&key)
            && (known.state == state || known.is_begun())
        {
            return Ok(known.answer.clone());
        }
        make_room(&mut findings)?;
        let task = tokio::spawn(find);
        let work = task.abort_handle();
        let answer = task.map(|done| match done {
            Ok(Ok(found)) => Ok(Arc::new(found)),
            Ok(Err(problem)) => Err(Arc::from(problem.detail())),
            Err(error) => Err(Arc::from(error.to_string())),
        });
        let answer = answer.boxed().shared();
        let finding = Finding {
            state,
            answer: answer.clone(),
            work,
        };
        findings.put(key, finding);
        Ok(answer)
    }

    fn findings(&self) -> MutexGuard<'_, LruCache<(String, String), Finding<T>>> {
        self.findings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Finding<T> {
    /// Whether it is still being found out, whoever waits for it.
    fn is_begun(&self) -> bool {
        !self.work.is_finished()
    }
}

/// Forgets the answer that was asked for longest ago, if all are there: what is being found out stays, or it would be begun
/// once more.
fn make_room<T>(findings: &mut LruCache<(String, String), Finding<T>>) -> Result<(), Problem> {
    if findings.len() < findings.cap().get() {
        return Ok(());
    }
    let mut oldest = findings.iter().rev();
    let done = oldest.find(|(_, finding)| !finding.is_begun());
    let Some(key) = done.map(|(key, _)| key.clone()) else {
        return Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too much is being counted already; ask again",
        ));
    };
    findings.pop(&key);
    Ok(())
}
