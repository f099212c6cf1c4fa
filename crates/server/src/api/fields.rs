use index::Metadata;

use crate::connections::Columns;

/// Which columns of the metadata are shown: those that the key sees, and of these, those that the request names.
#[derive(Clone, Debug)]
pub(super) struct Fields {
    seen: Columns,
    named: Option<Vec<String>>,
}

impl Fields {
    /// All that are seen.
    pub(super) fn all(seen: &Columns) -> Self {
        Self::of(seen, None)
    }

    /// These, or all where none are named.
    pub(super) fn of(seen: &Columns, named: Option<Vec<String>>) -> Self {
        let seen = seen.clone();
        Self { seen, named }
    }

    /// Whether the key sees a column, whatever the request names.
    pub(super) fn are_seen(&self, name: &str) -> bool {
        self.seen.shows(name)
    }

    /// Takes out what isn't shown.
    pub(super) fn bound(&self, metadata: &mut Metadata) {
        let is_named = |name: &String| self.named.as_ref().is_none_or(|named| named.contains(name));
        metadata.retain(|name, _| is_named(name) && self.seen.shows(name));
    }
}
