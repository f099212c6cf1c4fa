use std::ops::ControlFlow;
use std::path::Path;

use serde_json::Value;

use crate::columns::Roles;
use crate::{Metadata, ProblemReason, data_url, value};

/// The longest row of a text that is read, in bytes.
pub(crate) const LONGEST: u64 = 64 << 20;

/// Takes a row of a table, or the reason why it cannot be read, with the line on which it begins,
/// and says whether to go on.
pub(crate) type Take<'a> = dyn FnMut(u64, Result<Row, ProblemReason>) -> ControlFlow<()> + 'a;

/// The same of several tables, with the one that it is in.
pub(crate) type TakeOf<'a> =
    dyn FnMut(&Path, u64, Result<Row, ProblemReason>) -> ControlFlow<()> + 'a;

/// What a row of a table says of a picture.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// Where it is, as it is written: a path, relative to the table's folder, or a URL. Empty for a `data:` URL,
    /// which is a picture [`inside`](Self::inside).
    pub path: String,
    /// What is said about it.
    pub captions: Vec<String>,
    /// What the table calls it.
    pub id: Option<String>,
    /// The other columns.
    pub metadata: Metadata,
    /// The columns that are left out, as no index takes their values: objects, bytes, and lists of anything but texts.
    pub left_out: Vec<String>,
    /// The picture, where it is in the table itself.
    pub inside: Option<Inside>,
}

/// A picture within a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inside {
    /// Its bytes, where they were asked for and are there.
    pub bytes: Option<Vec<u8>>,
}

impl Row {
    /// Takes the value of a column that has one of the roles, or several.
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

    /// Decodes the picture of a row whose path is a `data:` URL. The bytes are kept if they are wanted.
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
