use rusqlite::Connection;

use super::publish;
use super::sparse_tables;
use super::tables::{self, IndexRow, NamespaceRow};
use crate::{Result, SparseValues};

/// The effect of a change on the derived files.
pub(super) enum Outcome {
    /// The derived files are still recent enough.
    Near,
    /// The derived files are so old that new ones pay off.
    Far,
    /// The namespace was deleted.
    Gone(NamespaceRow),
}

/// The changes of one transaction to one namespace.
pub(super) struct Change<'a> {
    pub(super) connection: &'a Connection,
    /// The namespace before the change; `None` if it's new.
    pub(super) namespace: Option<NamespaceRow>,
    index: &'a IndexRow,
    name: &'a str,
    inserted: i64,
    removed: i64,
}

impl<'a> Change<'a> {
    pub(super) fn begin(
        connection: &'a Connection,
        index: &'a IndexRow,
        name: &'a str,
    ) -> Result<Self> {
        let namespace = tables::namespace(connection, index, name)?;
        Ok(Self {
            connection,
            namespace,
            index,
            name,
            inserted: 0,
            removed: 0,
        })
    }

    /// Writes a vector. Replaces the one with its id, if any.
    pub(super) fn replace(
        &mut self,
        id: &str,
        metadata: &str,
        values: &[f32],
        sparse_values: Option<&SparseValues>,
    ) -> Result<()> {
        self.remove(id)?;
        let namespace = match self.namespace.take() {
            Some(namespace) => namespace,
            None => tables::insert_namespace(self.connection, self.index, self.name)?,
        };
        tables::insert_vector(self.connection, namespace.id, id, metadata, values)?;
        if let Some(sparse_values) = sparse_values {
            let slot = self.connection.last_insert_rowid();
            sparse_tables::insert(self.connection, namespace.id, slot, sparse_values)?;
        }
        self.namespace = Some(namespace);
        self.inserted += 1;
        Ok(())
    }

    /// Removes the vector `id`. Returns whether it existed.
    pub(super) fn remove(&mut self, id: &str) -> Result<bool> {
        let Some(namespace) = &self.namespace else {
            return Ok(false);
        };
        let slot = tables::delete_vector(self.connection, namespace.id, id)?;
        if let Some(slot) = slot {
            sparse_tables::delete(self.connection, namespace.id, slot)?;
            self.record_removal(slot)?;
        }
        Ok(slot.is_some())
    }

    fn record_removal(&mut self, slot: i64) -> Result<()> {
        let Some(namespace) = &self.namespace else {
            return Ok(());
        };
        tables::insert_removal(self.connection, namespace.id, namespace.revision + 1, slot)?;
        self.removed += 1;
        Ok(())
    }

    /// Updates the namespace's row, or deletes it with its last vector.
    pub(super) fn end(self) -> Result<Outcome> {
        let Some(mut namespace) = self.namespace else {
            return Ok(Outcome::Near);
        };
        if self.inserted + self.removed == 0 {
            return Ok(Outcome::Near);
        }
        namespace.revision += 1;
        namespace.vector_count += self.inserted - self.removed;
        namespace.removal_count += self.removed;
        if namespace.vector_count == 0 {
            tables::delete_namespace(self.connection, &namespace)?;
            return Ok(Outcome::Gone(namespace));
        }
        if namespace.removal_count > namespace.vector_count.max(publish::REMOVALS_FLOOR) {
            // Following so many removals costs a reader more than starting afresh.
            tables::delete_removals(self.connection, namespace.id, namespace.revision)?;
            namespace.removal_count = 0;
            namespace.removals_since = namespace.revision;
            namespace.segments.clear();
        }
        tables::update_namespace(self.connection, &namespace)?;
        if self.index.dimension > 0 && publish::is_far_behind(self.connection, &namespace)? {
            Ok(Outcome::Far)
        } else {
            Ok(Outcome::Near)
        }
    }
}
