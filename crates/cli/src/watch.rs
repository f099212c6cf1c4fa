//! Waiting for something to change in folders.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};

/// How often it is looked whether the user wants an end.
const GLANCE: Duration = Duration::from_millis(200);
/// Changes come in bursts: this long a silence ends one.
const SILENCE: Duration = Duration::from_secs(1);
/// A burst that does not end is not waited for any longer.
const PATIENCE: Duration = Duration::from_secs(30);
/// Network file systems tell nobody what others change in them: it is looked without being told.
const ROUND: Duration = Duration::from_secs(600);

/// Sources under watch.
pub(crate) struct Watch {
    sources: Vec<PathBuf>,
    events: Receiver<()>,
    watcher: RecommendedWatcher,
    /// Sources that are gone, and may come back.
    lost: Vec<PathBuf>,
}

impl Watch {
    /// Watches folders with all below them, and single files.
    pub(crate) fn of(sources: &[PathBuf]) -> Result<Watch> {
        let (sender, events) = channel();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Being read is no change. What could not be understood may have been one.
            if !matches!(event, Ok(event) if matches!(event.kind, EventKind::Access(_))) {
                // Nobody listens any more when the program ends.
                let _ = sender.send(());
            }
        })
        .context("changes cannot be watched")?;
        let mut watch = Watch {
            sources: sources.to_vec(),
            events,
            watcher,
            lost: Vec::new(),
        };
        for source in sources {
            watch
                .watch(source)
                .with_context(|| format!("`{}` cannot be watched", source.display()))?;
        }
        Ok(watch)
    }

    fn watch(&mut self, source: &Path) -> notify::Result<()> {
        let (path, mode) = target(source);
        self.watcher.watch(path, mode)
    }

    /// Watches the sources once more: what has a source's name now may be another folder than it was.
    fn watch_again(&mut self) {
        let mut sources = self.sources.clone();
        sources.retain(|source| self.watch(source).is_err() && !source.exists());
        self.lost = sources;
    }

    /// Whether a source that was gone has come back.
    fn finds_again(&self) -> bool {
        self.lost.iter().any(|source| source.exists())
    }

    /// Waits until something has changed and it is quiet again; `false` if `stop` came first.
    pub(crate) fn wait(&mut self, stop: &AtomicBool) -> bool {
        let round = Instant::now() + ROUND;
        while Instant::now() < round && !self.happens_within(GLANCE) && !self.finds_again() {
            if stop.load(Ordering::Relaxed) {
                return false;
            }
        }
        let patience = Instant::now() + PATIENCE;
        let mut quiet = Instant::now() + SILENCE;
        while Instant::now() < quiet.min(patience) && !stop.load(Ordering::Relaxed) {
            if self.happens_within(GLANCE) {
                quiet = Instant::now() + SILENCE;
            }
        }
        self.watch_again();
        !stop.load(Ordering::Relaxed)
    }

    fn happens_within(&self, time: Duration) -> bool {
        match self.events.recv_timeout(time) {
            Ok(()) => {
                while self.events.try_recv().is_ok() {}
                true
            }
            Err(RecvTimeoutError::Timeout) => false,
            Err(RecvTimeoutError::Disconnected) => {
                std::thread::sleep(time);
                false
            }
        }
    }
}

/// A file is watched by its folder: editors replace files, and the watch would go with the old one.
fn target(source: &Path) -> (&Path, RecursiveMode) {
    if source.is_dir() {
        return (source, RecursiveMode::Recursive);
    }
    let folder = source
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    (
        folder.unwrap_or(Path::new(".")),
        RecursiveMode::NonRecursive,
    )
}
