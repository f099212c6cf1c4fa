//! Work that outlives its request.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Json;
use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::{Stream, stream};
use serde::Serialize;
use tokio::sync::watch;

use super::extractors::InPath;
use super::problem::Problem;
use super::state::ApiState;
use crate::workspace::Scope;

/// The number of finished jobs to remember.
const REMEMBERED: usize = 100;

/// The jobs of a server, by number.
#[derive(Debug, Default)]
pub(super) struct Jobs(Mutex<Listed>);

#[derive(Debug, Default)]
struct Listed {
    last: u64,
    jobs: BTreeMap<u64, Followed>,
}

#[derive(Debug)]
struct Followed {
    /// The collection of the job.
    collection: String,
    job: watch::Receiver<Job>,
}

/// The state of a job.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Job {
    job: String,
    pub(super) state: JobState,
    /// Pictures processed.
    pub(super) done: usize,
    pub(super) total: usize,
    pub(super) added: usize,
    pub(super) failed: Vec<FailedPicture>,
    /// Why the job failed as a whole.
    pub(super) error: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum JobState {
    Running,
    Done,
    Failed,
}

/// A picture that could not be added.
#[derive(Clone, Debug, Serialize)]
pub(super) struct FailedPicture {
    pub(super) name: String,
    pub(super) reason: String,
}

impl Job {
    /// Its number.
    pub(super) fn job(&self) -> &str {
        &self.job
    }
}

impl Jobs {
    /// Registers a new job on a collection. Its progress is sent to the returned sender.
    pub(super) fn begin(&self, collection: String, total: usize) -> watch::Sender<Job> {
        let mut listed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        listed.last += 1;
        let number = listed.last;
        let (sender, receiver) = watch::channel(Job {
            job: number.to_string(),
            state: JobState::Running,
            done: 0,
            total,
            added: 0,
            failed: Vec::new(),
            error: None,
        });
        listed.jobs.insert(
            number,
            Followed {
                collection,
                job: receiver,
            },
        );
        let is_over = |it: &Followed| it.job.borrow().state != JobState::Running;
        while listed.jobs.len() > REMEMBERED
            && let Some(oldest) = listed.jobs.iter().find(|(_, job)| is_over(job))
        {
            let oldest = *oldest.0;
            listed.jobs.remove(&oldest);
        }
        sender
    }

    /// The job `number`, if it is on a visible collection.
    fn get(&self, scope: &Scope, number: &str) -> Result<watch::Receiver<Job>, Problem> {
        let listed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let job = number
            .parse()
            .ok()
            .and_then(|number: u64| listed.jobs.get(&number));
        job.filter(|it| scope.grant().sees(&it.collection))
            .map(|it| it.job.clone())
            .ok_or_else(|| Problem::not_found(format!("job `{number}` does not exist")))
    }
}

pub(super) async fn describe(
    State(state): State<Arc<ApiState>>,
    scope: Scope,
    InPath(number): InPath<String>,
) -> Result<Json<Job>, Problem> {
    let job = state.jobs.get(&scope, &number)?;
    let now = job.borrow().clone();
    Ok(Json(now))
}

/// Server-sent events with the state of a job after each change, until it is over.
pub(super) async fn events(
    State(state): State<Arc<ApiState>>,
    scope: Scope,
    InPath(number): InPath<String>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let mut job = state.jobs.get(&scope, &number)?;
    job.mark_changed();
    let shutdown = state.gateway.shutdown();
    let steps = stream::unfold(Some((job, shutdown)), |following| async {
        let (mut job, mut shutdown) = following?;
        // An error means that the job has ended; its last state has been sent.
        tokio::select! {
            changed = job.changed() => changed.ok()?,
            _ = shutdown.wait_for(|is_ending| *is_ending) => return None,
        }
        let now = job.borrow_and_update().clone();
        let is_over = now.state != JobState::Running;
        let event = Event::default().json_data(now).unwrap_or_default();
        Some((Ok(event), (!is_over).then_some((job, shutdown))))
    });
    Ok(Sse::new(steps).keep_alive(KeepAlive::default()))
}
