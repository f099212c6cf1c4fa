use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clipseek::{Clipseek, Device};
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
    /// Whether the collections' models are loaded, as far as they can be.
    is_warm: AtomicBool,
}

/// The work panicked.
#[derive(Debug, thiserror::Error)]
#[error("this should not happen; please report it")]
pub(crate) struct WorkPanicked;

impl Workspace {
    /// Models compute on `device`; `None` for the quickest there is.
    pub(crate) fn new(clipseek: Clipseek, device: Option<Device>) -> clipseek::Result<Self> {
        let store = Arc::clone(clipseek.store()?);
        Ok(Self {
            // What cannot be read says so to whoever asks for it.
            is_warm: store.collections().is_ok_and(|all| all.is_empty()).into(),
            store,
            clipseek,
            models: Models::new(device),
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

    /// Loads the models of the collections, so that no request has to wait for them. Models that are not on this machine are left
    /// to the first request, which downloads them.
    pub(crate) async fn warm_up(self: &Arc<Self>) {
        let collections = self.run(|it| it.store.collections()).await;
        let collections = collections.ok().and_then(Result::ok).unwrap_or_default();
        let mut models: Vec<ModelIdentity> = Vec::new();
        for info in collections {
            if !models.contains(&info.model) {
                models.push(info.model);
            }
        }
        for model in models {
            let load = move |workspace: &Self| {
                if workspace.clipseek.models().are_here(&model)
                    && let Ok(embedder) = workspace.embedder(&model)
                {
                    // What is wrong with it is told to whoever asks for it.
                    let _ = embedder.model().check();
                }
            };
            let _ = self.embed(load).await;
        }
        self.is_warm.store(true, Ordering::Release);
    }

    /// Whether the models of the collections are loaded, as far as they can be.
    pub(crate) fn is_warm(&self) -> bool {
        self.is_warm.load(Ordering::Acquire)
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
