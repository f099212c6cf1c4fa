use std::path::Path;

use dataset::Columns;
use search::Store;
use serde::{Deserialize, Serialize};

use crate::sources::{HUB, ReadOptions, file_location};

/// The columns of a table that a collection remembers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct TableColumns {
    path: Option<String>,
    pub(crate) caption: Option<String>,
    id: Option<String>,
    /// Whether it had captions.
    pub(crate) has_captions: bool,
}

impl TableColumns {
    /// The columns of a table that was added before; `None` if they cannot be read.
    pub(crate) fn of(store: &Store, collection: &str, location: &Path) -> Option<TableColumns> {
        let source = match location.to_str().filter(|text| text.starts_with(HUB)) {
            Some(dataset) => dataset.to_owned(),
            None => file_location(&dataset::absolute(location).ok()?),
        };
        let text = store.columns(collection, &source).ok()??;
        serde_json::from_str(&text).ok()
    }

    fn columns(&self) -> Columns {
        Columns {
            path: self.path.clone(),
            caption: self.caption.clone(),
            id: self.id.clone(),
            before: None,
        }
    }

    /// The columns to remember, given the current options.
    pub(crate) fn after(&self, asked: &Columns, has_captions: bool) -> TableColumns {
        let or = |asked: &Option<String>, before: &Option<String>| asked.clone().or(before.clone());
        TableColumns {
            path: or(&asked.path, &self.path),
            caption: or(&asked.caption, &self.caption),
            id: or(&asked.id, &self.id),
            has_captions,
        }
    }
}

impl ReadOptions {
    /// The same options with the remembered columns of a table.
    pub(crate) fn with_columns(&self, before: Option<&TableColumns>) -> ReadOptions {
        let mut options = self.clone();
        options.source.columns.before = before.map(|it| Box::new(it.columns()));
        options
    }
}
