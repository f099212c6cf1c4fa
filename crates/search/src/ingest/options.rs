use std::fmt;
use std::sync::atomic::AtomicBool;

use picture::Limits;

/// How an [`add`](crate::Collection::add) goes about it.
#[derive(Clone)]
pub struct AddOptions<'a> {
    /// What a picture may cost.
    pub limits: Limits,
    /// Folders of which the records are all there is: what the collection has below them besides, and
    /// whose file is gone, is marked as missing.
    pub folders: Vec<String>,
    /// Remove what is missing below these folders.
    pub prune: bool,
    /// Set by another thread to end soon: what has been read is still written.
    pub stop: &'a AtomicBool,
    /// Called if another process is adding to the collection, which is waited for.
    pub waiting: &'a (dyn Fn() + Sync),
}

impl Default for AddOptions<'_> {
    fn default() -> Self {
        static NEVER: AtomicBool = AtomicBool::new(false);
        AddOptions {
            limits: Limits::default(),
            folders: Vec::new(),
            prune: false,
            stop: &NEVER,
            waiting: &|| {},
        }
    }
}

impl fmt::Debug for AddOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AddOptions")
            .field("limits", &self.limits)
            .field("folders", &self.folders)
            .field("prune", &self.prune)
            .field("stop", &self.stop)
            .finish_non_exhaustive()
    }
}
