use std::fmt;
use std::sync::atomic::AtomicBool;

use picture::Limits;

/// The options of an [`add`](crate::Collection::add).
#[derive(Clone)]
pub struct AddOptions<'a> {
    /// The limits for decoding a picture.
    pub limits: Limits,
    /// Folders that the records list completely. Other pictures of the collection below them are marked as
    /// missing if their files are gone.
    pub folders: Vec<String>,
    /// Remove pictures below these folders if they're missing or no longer listed.
    pub prune: bool,
    /// Even with `prune`, keep pictures whose files are gone: their disk may be unmounted.
    pub keep_missing: bool,
    /// Whether a location below these folders is excluded on purpose.
    pub is_excluded: &'a (dyn Fn(&str) -> bool + Sync),
    /// Set by another thread to stop early. What has been read is still written.
    pub stop: &'a AtomicBool,
    /// Called once if the call has to wait for another process that holds the write lock.
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
