use index::Metadata;

use crate::connections::Columns;

/// The metadata columns to show: those that the key sees and the request names.
#[derive(Clone, Debug)]
pub(super) struct Fields {
    seen: Columns,
    named: Option<Vec<String>>,
}

impl Fields {
    /// All visible columns.
    pub(super) fn all(seen: &Columns) -> Self {
        Self::of(seen, None)
    }

    /// These columns; without names, all.
    pub(super) fn of(seen: &Columns, named: Option<Vec<String>>) -> Self {
        let seen = seen.clone();
        Self { seen, named }
    }

    /// Whether the key sees a column, even if the request does not name it.
    pub(super) fn are_seen(&self, name: &str) -> bool {
        self.seen.shows(name)
    }

    /// Removes all other columns.
    pub(super) fn bound(&self, metadata: &mut Metadata) {
        let is_named = |name: &String| self.named.as_ref().is_none_or(|named| named.contains(name));
        metadata.retain(|name, _| is_named(name) && self.seen.shows(name));
    }
}
