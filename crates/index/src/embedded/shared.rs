use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Transaction;

use super::database::Database;
use super::publish;
use super::tables::{self, IndexRow, NamespaceRow};
use super::view::View;
use crate::{Error, Result};

/// The files of an engine and the newest views of their contents, shared by all its users.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) database: Database,
    pub(super) segments: PathBuf,
    /// The newest view of each searched namespace.
    views: Mutex<HashMap<(i64, String), Arc<NewestView>>>,
    /// Held while writing a file.
    pub(super) publishing: Mutex<()>,
    /// Set after a file couldn't be written.
    pub(super) cannot_publish: AtomicBool,
}

/// Locked before the transaction from which the view is updated begins, so that no view is newer than the
/// transaction that uses it.
type NewestView = Mutex<Option<Arc<View>>>;

impl Shared {
    pub(super) fn new(database: Database, segments: PathBuf) -> Self {
        Self {
            database,
            segments,
            views: Mutex::default(),
            publishing: Mutex::default(),
            cannot_publish: AtomicBool::new(false),
        }
    }

    /// As [`Database::read`].
    pub(super) fn read<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        self.database.read(work)
    }

    /// As [`Database::write`].
    pub(super) fn write<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        self.database.write(work)
    }

    /// Runs `work` on one snapshot of a namespace and its view; `None` if the namespace doesn't exist.
    /// Returns the view too.
    pub(super) fn read_view<T>(
        &self,
        index: &IndexRow,
        namespace: &str,
        work: impl FnOnce(&Transaction<'_>, &View) -> Result<T>,
    ) -> Result<Option<(T, Arc<View>)>> {
        let newest = self.newest_view(index, namespace);
        let mut newest = lock(&newest);
        self.read(|transaction| {
            let Some(row) = tables::namespace(transaction, index, namespace)? else {
                lock(&self.views).remove(&(index.id, namespace.to_owned()));
                return Ok(None);
            };
            let view = View::at(transaction, &self.segments, index, &row, newest.as_ref())?;
            *newest = Some(Arc::clone(&view));
            drop(newest);
            Ok(Some((work(transaction, &view)?, view)))
        })
    }

    pub(super) fn newest_view(&self, index: &IndexRow, namespace: &str) -> Arc<NewestView> {
        let key = (index.id, namespace.to_owned());
        Arc::clone(lock(&self.views).entry(key).or_default())
    }

    /// Whether a query should try to write a file.
    pub(super) fn can_publish(&self) -> bool {
        !self.cannot_publish.load(Ordering::Relaxed) && self.database.is_free()
    }

    /// Writes a file of the in-memory part of `view`. The caller holds `publishing`.
    pub(super) fn publish(
        &self,
        index: &IndexRow,
        namespace: &str,
        view: &View,
        merges: bool,
    ) -> Result<()> {
        let published = publish::publish(&self.database, &self.segments, view, merges)
            .inspect_err(|error| {
                let cannot_write = matches!(error, Error::Io { .. } | Error::DiskFull { .. });
                self.cannot_publish
                    .fetch_or(cannot_write, Ordering::Relaxed);
            })?;
        if let Some(published) = published {
            *lock(&self.newest_view(index, namespace)) = Some(Arc::new(published));
        }
        Ok(())
    }

    /// Drops the views of deleted namespaces.
    pub(super) fn forget(&self, namespaces: &[NamespaceRow]) {
        for name in namespaces.iter().flat_map(|namespace| &namespace.segments) {
            publish::discard(&self.segments.join(name.to_string()));
        }
        let is_gone = |view: &View| {
            namespaces
                .iter()
                .any(|row| row.id == view.subject.namespace)
        };
        lock(&self.views).retain(|_, newest| match newest.try_lock() {
            Ok(newest) => !newest.as_ref().is_some_and(|view| is_gone(view)),
            Err(_) => true,
        });
    }
}

/// Locks `mutex` even if a thread panicked: its content is always valid.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
