//! Waits for changes in folders.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};

/// The interval of checks for Ctrl-C.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// Changes come in bursts; a pause of this length ends one.
const QUIET_PERIOD: Duration = Duration::from_secs(1);
/// The longest wait for the end of a burst.
const LONGEST_BURST: Duration = Duration::from_secs(30);
/// The interval of scans without a notification: network file systems do not report changes by other machines.
const SCAN_INTERVAL: Duration = Duration::from_secs(600);

/// Watched sources.
pub(crate) struct Watch {
    sources: Vec<PathBuf>,
    events: Receiver<()>,
    watcher: RecommendedWatcher,
    /// Missing sources, which may come back.
    lost: Vec<PathBuf>,
}

impl Watch {
    /// Watches folders with their subfolders, and single files.
    pub(crate) fn of(sources: &[PathBuf]) -> Result<Watch> {
        let (sender, events) = channel();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Reads are no changes; an error may hide one.
            if !matches!(event, Ok(event) if matches!(event.kind, EventKind::Access(_))) {
                // The receiver is gone when the program ends.
                let _ = sender.send(());
            }
        })
        .context("could not watch for changes")?;
        let mut watch = Watch {
            sources: sources.to_vec(),
            events,
            watcher,
            lost: Vec::new(),
        };
        for source in sources {
            watch
                .watch(source)
                .with_context(|| format!("could not watch `{}`", source.display()))?;
        }
        Ok(watch)
    }

    fn watch(&mut self, source: &Path) -> notify::Result<()> {
        let (path, mode) = target(source);
        self.watcher.watch(path, mode)
    }

    /// Watches the sources again: a source may have been replaced by another folder of the same name.
    fn watch_again(&mut self) {
        let mut sources = self.sources.clone();
        sources.retain(|source| self.watch(source).is_err() && !source.exists());
        self.lost = sources;
    }

    /// Whether a missing source has come back.
    fn finds_again(&self) -> bool {
        self.lost.iter().any(|source| source.exists())
    }

    /// Waits for the end of a burst of changes. Returns `false` if `stop` was set first.
    pub(crate) fn wait(&mut self, stop: &AtomicBool) -> bool {
        let next_scan = Instant::now() + SCAN_INTERVAL;
        while Instant::now() < next_scan
            && !self.happens_within(POLL_INTERVAL)
            && !self.finds_again()
        {
            if stop.load(Ordering::Relaxed) {
                return false;
            }
        }
        let latest = Instant::now() + LONGEST_BURST;
        let mut quiet = Instant::now() + QUIET_PERIOD;
        while Instant::now() < quiet.min(latest) && !stop.load(Ordering::Relaxed) {
            if self.happens_within(POLL_INTERVAL) {
                quiet = Instant::now() + QUIET_PERIOD;
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

/// The path to watch for a source. A file is watched through its folder, because editors replace files and the watch
/// would stay with the old one.
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
