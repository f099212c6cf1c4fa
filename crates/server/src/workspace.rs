use std::sync::Arc;

use clipseek::Clipseek;
use search::{Embedder, ModelIdentity, Store};

use crate::models::{ModelError, Models};
use crate::permits::{Permit, Permits};

/// What every API of a server works on: the application, its store, and the models of its collections.
#[derive(Debug)]
pub(crate) struct Workspace {
    clipseek: Clipseek,
    pub(crate) store: Arc<Store>,
    models: Models,
    permits: Permits,
}

/// The work panicked.
#[derive(Debug, thiserror::Error)]
#[error("this should not happen; please report it")]
pub(crate) struct WorkPanicked;

impl Workspace {
    pub(crate) fn new(clipseek: Clipseek) -> clipseek::Result<Self> {
        let store = Arc::clone(clipseek.store()?);
        Ok(Self {
            store,
            clipseek,
            models: Models::new(),
            permits: Permits::new(),
        })
    }

    /// The application.
    pub(crate) fn clipseek(&self) -> &Clipseek {
        &self.clipseek
    }

    /// The model with this identity, which is loaded if it isn't yet.
    pub(crate) fn embedder(&self, identity: &ModelIdentity) -> Result<Arc<Embedder>, ModelError> {
        self.models.get(self.clipseek.models(), identity)
    }

    /// The model that a client names: that of a collection as `GET /api/v1/models` names it, the bundled one, or one of the hub
    /// that is on this machine.
    pub(crate) fn named(&self, name: &str) -> clipseek::Result<Arc<Embedder>> {
        let mut collections = self.store.collections()?.into_iter();
        match collections.find(|info| info.model.reference == name) {
            Some(own) => self.embedder(&own.model).map_err(ModelError::into_reason),
            None => self.models.named(self.clipseek.models(), name),
        }
    }

    /// Runs what reads or computes, once there is a permit, on a thread for blocking work.
    pub(crate) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Result<T, WorkPanicked> {
        let permit = self.permits.read().await;
        self.run_with(permit, work).await
    }

    /// Runs what embeds: one at a time.
    pub(crate) async fn embed<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Result<T, WorkPanicked> {
        let permit = self.permits.embed().await;
        self.run_with(permit, work).await
    }

    /// Runs what changes the store: one at a time.
    pub(crate) async fn write<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Result<T, WorkPanicked> {
        let permit = self.permits.write().await;
        self.run_with(permit, work).await
    }

    /// Waits until it may embed, for work of [`run_with`](Self::run_with).
    pub(crate) async fn permit_to_embed(&self) -> Permit {
        self.permits.embed().await
    }

    /// The work keeps the permit until it is done, even if nobody waits for it any more.
    pub(crate) async fn run_with<T: Send + 'static>(
        self: &Arc<Self>,
        permit: Permit,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Result<T, WorkPanicked> {
        let work = move |workspace: &Self| {
            let _permit = permit;
            work(workspace)
        };
        self.run(work).await
    }

    /// Runs what waits for the disk at once, without a permit.
    pub(crate) async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Result<T, WorkPanicked> {
        let workspace = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || work(&workspace)).await;
        done.map_err(|_| WorkPanicked)
    }
}
