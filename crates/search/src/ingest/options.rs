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
    /// Remove what is missing below these folders, and what they no longer yield.
    pub prune: bool,
    /// All the same, remove nothing whose file is gone: its disk may not be there.
    pub keep_missing: bool,
    /// Whether a location below these folders is left out on purpose.
    pub is_excluded: &'a (dyn Fn(&str) -> bool + Sync),
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
            keep_missing: false,
            is_excluded: &|_| false,
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
