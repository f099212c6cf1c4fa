use index::Metadata;

/// Which columns of the metadata are shown.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields(Option<Vec<String>>);

impl Fields {
    /// These, or all where none are named.
    pub(super) fn of(names: Option<Vec<String>>) -> Self {
        Self(names)
    }

    /// Takes out what isn't shown.
    pub(super) fn bound(&self, metadata: &mut Metadata) {
        if let Some(names) = &self.0 {
            metadata.retain(|name, _| names.contains(name));
        }
    }
}
