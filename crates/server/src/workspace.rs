use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use clipseek::Clipseek;
use search::Store;

use crate::connections::Grant;
use crate::models::Models;
use crate::permits::{Permit, Permits};
use crate::view::View;

/// What every API of a server works on: the application, its store, and the models of its collections.
///
/// Requests reach none of it but through their [`Scope`].
#[derive(Debug)]
pub(crate) struct Workspace {
    clipseek: Clipseek,
    store: Arc<Store>,
    models: Models,
    permits: Permits,
}

/// The workspace as far as the key of a request reaches. Its work gets a [`View`] of the store.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    workspace: Arc<Workspace>,
    grant: Arc<Grant>,
}

/// What a router's handlers share has a workspace, of which they extract a [`Scope`].
pub(crate) trait HasWorkspace {
    fn workspace(&self) -> &Arc<Workspace>;
}

/// The work panicked.
#[derive(Debug, thiserror::Error)]
#[error("this should not happen; please report it")]
pub(crate) struct WorkPanicked;

impl<S: HasWorkspace + Sync> FromRequestParts<S> for Scope {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, StatusCode> {
        let scope = state.workspace().scope(&parts.extensions);
        scope.ok_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl Workspace {
    pub(crate) fn new(clipseek: Clipseek) -> clipseek::Result<Self> {
        Ok(Self {
            store: Arc::clone(clipseek.store()?),
            clipseek,
            models: Models::default(),
            permits: Permits::new(),
        })
    }

    /// How far a request reaches, by the grant that the gateway put among its extensions: without one, nowhere.
    pub(crate) fn scope(self: &Arc<Self>, of: &axum::http::Extensions) -> Option<Scope> {
        Some(Scope {
            workspace: Arc::clone(self),
            grant: Arc::clone(of.get::<Arc<Grant>>()?),
        })
    }

    /// The scope of the server itself, for what it does in no client's name.
    pub(crate) fn unbounded(self: &Arc<Self>) -> Scope {
        Scope {
            workspace: Arc::clone(self),
            grant: Arc::default(),
        }
    }

    fn view<'a>(&'a self, grant: &'a Grant) -> View<'a> {
        View::new(&self.clipseek, &self.store, &self.models, grant)
    }
}

impl Scope {
    /// What the request may do.
    pub(crate) fn grant(&self) -> &Grant {
        &self.grant
    }

    /// Runs what reads or computes, once there is a permit, on a thread for blocking work.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&View<'_>) -> T + Send + 'static,
    ) -> Result<T, WorkPanicked> {
        let permit = self.workspace.permits.read().await;
        self.run_with(permit, work).await
    }

    /// Runs what embeds: one at a time.
    pub(crate) async fn embed<T: Send + 'static>(
        &self,
        work: impl FnOnce(&View<'_>) -> T + Send + 'static,
    ) -> Result<T, WorkPanicked> {
        let permit = self.workspace.permits.embed().await;
        self.run_with(permit, work).await
    }

    /// Runs what changes the store: one at a time.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&View<'_>) -> T + Send + 'static,
    ) -> Result<T, WorkPanicked> {
        let permit = self.workspace.permits.write().await;
        self.run_with(permit, work).await
    }

    /// Waits until it may embed, for work of [`run_with`](Self::run_with).
    pub(crate) async fn permit_to_embed(&self) -> Permit {
        self.workspace.permits.embed().await
    }

    /// The work keeps the permit until it is done, even if nobody waits for it any more.
    pub(crate) async fn run_with<T: Send + 'static>(
        &self,
        permit: Permit,
        work: impl FnOnce(&View<'_>) -> T + Send + 'static,
    ) -> Result<T, WorkPanicked> {
        let work = move |view: &View<'_>| {
            let _permit = permit;
            work(view)
        };
        self.run(work).await
    }

    /// Runs what waits for the disk at once, without a permit.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&View<'_>) -> T + Send + 'static,
    ) -> Result<T, WorkPanicked> {
        let scope = self.clone();
        let work = move || work(&scope.workspace.view(&scope.grant));
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|_| WorkPanicked)
    }
}
