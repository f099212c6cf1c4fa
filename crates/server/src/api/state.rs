use std::path::Path;
use std::sync::Arc;

use search::{Facets, Looks};
use tokio::sync::Semaphore;

use super::answer_cache::Answers;
use super::computation_cache::ComputationCache;
use super::jobs::Jobs;
use super::text_vectors::Words;
use super::thumbnails::Thumbnails;
use crate::connections::Gateway;
use crate::workspace::{HasWorkspace, Workspace};

/// The state of the JSON API, next to the [`Scope`](crate::workspace::Scope) of each request.
#[derive(Debug)]
pub(crate) struct ApiState {
    pub(crate) gateway: Arc<Gateway>,
    workspace: Arc<Workspace>,
    pub(super) jobs: Jobs,
    pub(crate) words: Words,
    pub(super) thumbnails: Thumbnails,
    /// The limit of originals that are sent at a time.
    pub(super) originals: Arc<Semaphore>,
    pub(super) answers: Arc<Answers>,
    pub(super) looks: Arc<Looks>,
    pub(super) facets: ComputationCache<Facets>,
    /// The ids of each group of duplicates, the picture to keep first.
    pub(super) duplicates: ComputationCache<Vec<Vec<String>>>,
}

impl ApiState {
    /// The state of a server for the store in a directory.
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
            facets: ComputationCache::default(),
            duplicates: ComputationCache::default(),
        }
    }
}

impl HasWorkspace for Arc<ApiState> {
    fn workspace(&self) -> &Arc<Workspace> {
        &self.workspace
    }
}
