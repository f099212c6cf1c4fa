use std::ops::ControlFlow;
use std::path::Path;

use serde_json::Value;

use crate::columns::Roles;
use crate::{Metadata, ProblemReason, data_url, value};

/// The maximum length of a row of text, in bytes.
pub(crate) const LONGEST: u64 = 64 << 20;

/// Receives a row of a table, or the reason why it can't be read, with its first line. Returns whether to
/// continue.
pub(crate) type Take<'a> = dyn FnMut(u64, Result<Row, ProblemReason>) -> ControlFlow<()> + 'a;

/// Like [`Take`] for several tables, with the row's table.
pub(crate) type TakeOf<'a> =
    dyn FnMut(&Path, u64, Result<Row, ProblemReason>) -> ControlFlow<()> + 'a;

/// A row of a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// The picture's location as written: a path relative to the table's folder, or a URL. Empty for a
    /// `data:` URL, whose picture is [`inside`](Self::inside).
    pub path: String,
    /// The captions.
    pub captions: Vec<String>,
    /// The table's id for the picture.
    pub id: Option<String>,
    /// The other columns.
    pub metadata: Metadata,
    /// The columns that are left out because no index accepts their values: objects, bytes, and lists of
    /// anything but strings.
    pub left_out: Vec<String>,
    /// The picture, if it's in the table itself.
    pub inside: Option<Inside>,
}

/// A picture within a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inside {
    /// Its bytes, if requested and present.
    pub bytes: Option<Vec<u8>>,
}

impl Row {
    /// Sets the value of a column with one or several roles.
    pub(crate) fn set(&mut self, roles: &Roles, column: usize, value: Value) {
        if roles.id == Some(column) {
            self.id = value::text(value.clone());
        }
        if roles.caption == Some(column) {
            self.captions = value::texts(value.clone());
        }
        if roles.path == Some(column) {
            self.path = value::text(value).unwrap_or_default();
        }
    }

    /// Decodes the picture of a row whose path is a `data:` URL. Keeps the bytes if they are wanted.
    pub(crate) fn with_picture(mut self, is_wanted: bool) -> Result<Self, ProblemReason> {
        if data_url::is_meant(self.path.trim()) {
            let bytes = data_url::decoded(self.path.trim())?;
            self.path.clear();
            self.inside = Some(Inside {
                bytes: is_wanted.then_some(bytes),
            });
        }
        Ok(self)
    }
}
