use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use search::Collection;

use super::problem::Problem;
use crate::workspace::Scope;

/// How long a request waits for what is being found out.
const PATIENCE: Duration = Duration::from_secs(20);

/// What takes long to find out about a collection. It is found out by one at a time, goes on when whoever asked has gone
/// away, and is kept until the catalogue changes. It must not depend on the key.
pub(super) struct Kept<T> {
    findings: Mutex<HashMap<String, Finding<T>>>,
}

struct Finding<T> {
    /// That of the catalogue when it was begun.
    state: i64,
    answer: Answer<T>,
}

/// What is found, or what went wrong.
type Answer<T> = Shared<BoxFuture<'static, Result<Arc<T>, Arc<str>>>>;

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self {
            findings: Mutex::default(),
        }
    }
}

impl<T> fmt::Debug for Kept<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kept")
    }
}

impl<T: Send + Sync + 'static> Kept<T> {
    /// What `find` finds out about a collection.
    pub(super) async fn of(
        &self,
        scope: &Scope,
        name: &str,
        find: fn(&Collection<'_>) -> search::Result<T>,
    ) -> Result<Arc<T>, Problem> {
        let state = scope.look_in(name, |_, collection| Ok(collection.catalogue_state()?));
        let answer = self.answer(scope, name, state.await?, find);
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(said)) => {
                self.findings().remove(name);
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
        scope: &Scope,
        name: &str,
        state: i64,
        find: fn(&Collection<'_>) -> search::Result<T>,
    ) -> Answer<T> {
        let mut findings = self.findings();
        if let Some(known) = findings.get(name)
            && (known.state == state || known.answer.peek().is_none())
        {
            return known.answer.clone();
        }
        let (scope, collection) = (scope.clone(), name.to_owned());
        let work = async move {
            let found = scope.look_in(&collection, move |_, it| Ok(find(it)?)).await;
            found.map(Arc::new)
        };
        let work = tokio::spawn(work).map(|done| match done {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(problem)) => Err(Arc::from(problem.detail())),
            Err(error) => Err(Arc::from(error.to_string())),
        });
        let answer = work.boxed().shared();
        let finding = Finding {
            state,
            answer: answer.clone(),
        };
        findings.insert(name.to_owned(), finding);
        answer
    }

    fn findings(&self) -> MutexGuard<'_, HashMap<String, Finding<T>>> {
        self.findings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
