use std::path::Path;

use dataset::Columns;
use search::Store;
use serde::{Deserialize, Serialize};

use crate::sources::{HUB, ReadOptions, file_location};

/// What a collection keeps of the columns of a table, so that they need not be named each time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct TableColumns {
    path: Option<String>,
    pub(crate) caption: Option<String>,
    id: Option<String>,
    /// Whether there were captions.
    pub(crate) has_captions: bool,
}

impl TableColumns {
    /// Those of a table that was added before. What cannot be read is as good as not kept.
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

    /// What is to be kept when columns are asked for now.
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
    /// The same, with the columns that a table had before.
    pub(crate) fn with_columns(&self, before: Option<&TableColumns>) -> ReadOptions {
        let mut options = self.clone();
        options.source.columns.before = before.map(|it| Box::new(it.columns()));
        options
    }
}
