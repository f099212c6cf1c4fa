use std::path::Path;
use std::sync::Arc;

use search::{Facets, Looks};
use tokio::sync::Semaphore;

use super::answers::Answers;
use super::jobs::Jobs;
use super::kept::Kept;
use super::thumbnails::Thumbnails;
use super::words::Words;
use crate::connections::Gateway;
use crate::workspace::{HasWorkspace, Workspace};

/// What the handlers of the JSON API share, beside the [`Scope`](crate::workspace::Scope) of each request.
#[derive(Debug)]
pub(crate) struct ApiState {
    pub(crate) gateway: Arc<Gateway>,
    workspace: Arc<Workspace>,
    pub(super) jobs: Jobs,
    pub(crate) words: Words,
    pub(super) thumbnails: Thumbnails,
    /// How many originals may be on their way at once.
    pub(super) originals: Arc<Semaphore>,
    pub(super) answers: Arc<Answers>,
    pub(super) looks: Arc<Looks>,
    pub(super) facets: Kept<Facets>,
    /// The ids of the pictures of each group, the one to keep first.
    pub(super) duplicates: Kept<Vec<Vec<String>>>,
}

impl ApiState {
    /// The state of a server of the store in a directory.
    pub(crate) fn new(gateway: &Arc<Gateway>, workspace: &Arc<Workspace>, store: &Path) -> Self {
        let originals = gateway.limits.at_once.min(Semaphore::MAX_PERMITS);
        Self {
            gateway: Arc::clone(gateway),
            workspace: Arc::clone(workspace),
            jobs: Jobs::default(),
            words: Words::default(),
            thumbnails: Thumbnails::new(store),
            originals: Arc::new(Semaphore::new(originals)),
            answers: Arc::default(),
            looks: Arc::default(),
            facets: Kept::default(),
            duplicates: Kept::default(),
        }
    }
}

impl HasWorkspace for Arc<ApiState> {
    fn workspace(&self) -> &Arc<Workspace> {
        &self.workspace
    }
}
