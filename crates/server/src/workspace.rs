use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use clipseek::{Clipseek, Device};
use search::{ModelIdentity, Store};

use crate::connections::Grant;
use crate::models::Models;
use crate::permits::{Permit, Permits};
use crate::view::View;

/// The state that all APIs share: the application, its store, and the loaded models. Requests access it through a [`Scope`].
#[derive(Debug)]
pub(crate) struct Workspace {
    clipseek: Clipseek,
    store: Arc<Store>,
    models: Models,
    permits: Permits,
    /// Whether the models of the collections are loaded, except those that are not on this machine.
    is_warm: AtomicBool,
}

/// The workspace with the permissions of a request. Work in it gets a [`View`] of the store.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    workspace: Arc<Workspace>,
    grant: Arc<Grant>,
}

/// The state of a router, from whose workspace handlers extract a [`Scope`].
pub(crate) trait HasWorkspace {
    fn workspace(&self) -> &Arc<Workspace>;
}

/// The work panicked.
#[derive(Debug, thiserror::Error)]
#[error("internal error; please report it")]
pub(crate) struct WorkPanicked;

impl<S: HasWorkspace + Sync> FromRequestParts<S> for Scope {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, StatusCode> {
        let scope = state.workspace().scope(&parts.extensions);
        scope.ok_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl Workspace {
    /// A workspace whose models compute on `device`; `None` for the fastest available.
    pub(crate) fn new(clipseek: Clipseek, device: Option<Device>) -> clipseek::Result<Self> {
        let store = Arc::clone(clipseek.store()?);
        Ok(Self {
            // Errors are reported by the first request.
            is_warm: store.collections().is_ok_and(|all| all.is_empty()).into(),
            store,
            clipseek,
            models: Models::new(device),
            permits: Permits::new(),
        })
    }

    /// The scope of a request, from the grant in its extensions; `None` without a grant.
    pub(crate) fn scope(self: &Arc<Self>, of: &axum::http::Extensions) -> Option<Scope> {
        Some(Scope {
            workspace: Arc::clone(self),
            grant: Arc::clone(of.get::<Arc<Grant>>()?),
        })
    }

    /// The unlimited scope of the server itself.
    pub(crate) fn unbounded(self: &Arc<Self>) -> Scope {
        Scope {
            workspace: Arc::clone(self),
            grant: Arc::default(),
        }
    }

    /// Loads the models of the collections, so that no request waits for them. Models that are not on this machine are
    /// downloaded by the first request.
    pub(crate) async fn warm_up(self: &Arc<Self>) {
        let scope = self.unbounded();
        let collections = scope.run(|view| view.collections().unwrap_or_default());
        let collections = collections.await.unwrap_or_default();
        let mut models: Vec<ModelIdentity> = Vec::new();
        for info in collections {
            if !models.contains(&info.model) {
                models.push(info.model);
            }
        }
        for model in models {
            let _ = scope.embed(move |view| view.warm_up(&model)).await;
        }
        self.is_warm.store(true, Ordering::Release);
    }

    /// Whether the models of the collections are loaded, except those that are not on this machine.
    pub(crate) fn is_warm(&self) -> bool {
        self.is_warm.load(Ordering::Acquire)
    }

    fn view<'a>(&'a self, grant: &'a Grant) -> View<'a> {
        View::new(&self.clipseek, &self.store, &self.models, grant)
    }
}

impl Scope {
    /// The permissions of the request.
    pub(crate) fn grant(&self) -> &Grant {
        &self.grant
    }

    /// Whether the models of the collections are loaded, except those that are not on this machine.
    pub(crate) fn is_warm(&self) -> bool {
        self.workspace.is_warm()
    }

    /// Runs work that reads or computes, on a blocking thread, once there is a permit.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&View<'_>) -> T + Send + 'static,
    ) -> Result<T, WorkPanicked> {
        let permit = self.workspace.permits.read().await;
        self.run_with(permit, work).await
    }

    /// Runs work that embeds, one at a time.
    pub(crate) async fn embed<T: Send + 'static>(
        &self,
        work: impl FnOnce(&View<'_>) -> T + Send + 'static,
    ) -> Result<T, WorkPanicked> {
        let permit = self.workspace.permits.embed().await;
        self.run_with(permit, work).await
    }

    /// Runs work that changes the store, one at a time.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&View<'_>) -> T + Send + 'static,
    ) -> Result<T, WorkPanicked> {
        let permit = self.workspace.permits.write().await;
        self.run_with(permit, work).await
    }

    /// Waits for the permit to embed, for [`run_with`](Self::run_with).
    pub(crate) async fn permit_to_embed(&self) -> Permit {
        self.workspace.permits.embed().await
    }

    /// Runs work with a permit. It keeps the permit until it is done, even if its request is gone.
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

    /// Runs blocking work immediately, without a permit.
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

#[cfg(test)]
mod tests {
    use clipseek::{AddRequest, ModelChoice, Settings, demo};

    use super::*;

    #[tokio::test]
    async fn it_is_warm_when_the_models_of_its_collections_are_loaded() {
        let directory = tempfile::tempdir().unwrap();
        let store = directory.path().join("store");
        let workspace = || {
            let clipseek = Clipseek::new(Settings::in_directory(&store));
            Arc::new(Workspace::new(clipseek, None).unwrap())
        };
        assert!(workspace().is_warm());
        let request = AddRequest {
            sources: vec![demo::unpack(&directory.path().join("demo")).unwrap()],
            model: ModelChoice::named("mini"),
            ..AddRequest::default()
        };
        let clipseek = Clipseek::new(Settings::in_directory(&store));
        clipseek
            .add(request, &AtomicBool::new(false), &|_| {})
            .unwrap();
        let workspace = workspace();
        assert!(!workspace.is_warm());
        workspace.warm_up().await;
        assert!(workspace.is_warm());
    }
}
