use std::sync::Arc;

use search::{Collection, Embedder, Looks};

use super::jobs::Jobs;
use super::problem::Problem;
use super::thumbnails::Thumbnails;
use super::words::Words;
use crate::connections::Gateway;
use crate::workspace::Workspace;

/// What the handlers of the JSON API share.
#[derive(Debug)]
pub(crate) struct ApiState {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) workspace: Arc<Workspace>,
    pub(super) jobs: Jobs,
    pub(super) words: Words,
    pub(super) thumbnails: Thumbnails,
    pub(super) looks: Arc<Looks>,
}

impl ApiState {
    pub(crate) fn new(gateway: &Arc<Gateway>, workspace: &Arc<Workspace>) -> Self {
        Self {
            gateway: Arc::clone(gateway),
            workspace: Arc::clone(workspace),
            jobs: Jobs::default(),
            words: Words::default(),
            thumbnails: Thumbnails::new(workspace.store.directory()),
            looks: Arc::default(),
        }
    }

    /// What reads a collection, once there is a permit.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        name: &str,
        work: impl FnOnce(&Workspace, &Collection<'_>) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        self.workspace
            .read(of_collection(name.to_owned(), work))
            .await?
    }

    /// The same at once, without a permit: for what takes little, or waits.
    pub(super) async fn look<T: Send + 'static>(
        &self,
        name: &str,
        work: impl FnOnce(&Workspace, &Collection<'_>) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        self.workspace
            .run(of_collection(name.to_owned(), work))
            .await?
    }

    /// The model of a collection, loaded.
    pub(super) async fn embedder(&self, name: &str) -> Result<Arc<Embedder>, Problem> {
        let name = name.to_owned();
        let work = move |workspace: &Workspace| {
            let identity = workspace.store.info(&name)?.model;
            Ok::<_, Problem>(workspace.embedder(&identity)?)
        };
        self.workspace.run(work).await?
    }
}

/// The work on the collection of that name.
fn of_collection<T>(
    name: String,
    work: impl FnOnce(&Workspace, &Collection<'_>) -> Result<T, Problem>,
) -> impl FnOnce(&Workspace) -> Result<T, Problem> {
    move |workspace| work(workspace, &workspace.store.collection(&name)?)
}
