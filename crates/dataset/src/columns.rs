use std::path::Path;

use crate::{Error, Result};

/// The columns of a table by role. `None` means the first column with a usual name, ignoring case; `-` and
/// spaces count as `_`.
///
/// | role | usual names, in order of preference |
/// |---|---|
/// | path | `path`, `image_path`, `file_path`, `filepath`, `file_name`, `filename`, `file`, `image_file`, `image_filename`, `image_name`, `image`, `img_path`, `img`, `picture`, `photo`, `url`, `image_url` |
/// | caption | `caption`, `captions`, `text`, `description`, `alt_text`, `alt`, `comment`, `title` |
/// | id | `id`, `image_id`, `picture_id`, `photo_id`, `uid`, `uuid`, `key` |
///
/// A `label` isn't used as a caption: it's more often a class number than words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// The column with the pictures' paths.
    pub path: Option<String>,
    /// The column with their captions.
    pub caption: Option<String>,
    /// The column with their ids.
    pub id: Option<String>,
    /// The columns used last time. If the table has them, they take precedence over usual names.
    pub before: Option<Box<Columns>>,
}

impl Columns {
    /// Whether no column is named.
    pub(crate) fn are_any(&self) -> bool {
        [&self.path, &self.caption, &self.id]
            .iter()
            .all(|it| it.is_none())
    }
}

/// The roles of a column. A column without a role is metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Path,
    Caption,
    Id,
}

impl Role {
    fn usual_names(self) -> &'static [&'static str] {
        match self {
            Self::Path => &[
                "path",
                "image_path",
                "file_path",
                "filepath",
                "file_name",
                "filename",
                "file",
                "image_file",
                "image_filename",
                "image_name",
                "image",
                "img_path",
                "img",
                "picture",
                "photo",
                "url",
                "image_url",
            ],
            Self::Caption => &[
                "caption",
                "captions",
                "text",
                "description",
                "alt_text",
                "alt",
                "comment",
                "title",
            ],
            Self::Id => &[
                "id",
                "image_id",
                "picture_id",
                "photo_id",
                "uid",
                "uuid",
                "key",
            ],
        }
    }

    fn flag(self) -> &'static str {
        match self {
            Self::Path => "--path-column",
            Self::Caption => "--caption-column",
            Self::Id => "--id-column",
        }
    }

    /// The requested column for this role.
    pub(crate) fn named(self, columns: &Columns) -> Option<&str> {
        match self {
            Self::Path => columns.path.as_deref(),
            Self::Caption => columns.caption.as_deref(),
            Self::Id => columns.id.as_deref(),
        }
    }

    /// The position of the column with this role among `names`.
    pub(crate) fn find<'a>(
        self,
        columns: &Columns,
        names: impl Iterator<Item = &'a str> + Clone,
    ) -> Option<usize> {
        if let Some(wanted) = self.named(columns) {
            let exact = names.clone().position(|name| name == wanted);
            return exact.or_else(|| {
                names
                    .clone()
                    .position(|name| normalized(name) == normalized(wanted))
            });
        }
        let before = columns.before.as_deref();
        let before = before.and_then(|before| self.named(before));
        if let Some(index) = before.and_then(|before| names.clone().position(|name| name == before))
        {
            return Some(index);
        }
        let names: Vec<String> = names.map(normalized).collect();
        self.usual_names()
            .iter()
            .find_map(|usual| names.iter().position(|name| name == usual))
    }

    /// The error if none of the columns `found` in a table has this role: for the path, and for a requested
    /// column.
    pub(crate) fn missing(
        self,
        columns: &Columns,
        table: &Path,
        found: &[String],
    ) -> Result<Option<usize>> {
        let (path, found) = (table.to_owned(), found.to_vec());
        match self.named(columns) {
            Some(column) => Err(Error::NoSuchColumn {
                path,
                column: column.to_owned(),
                flag: self.flag(),
                columns: found,
            }),
            None if self == Self::Path => Err(Error::NoPathColumn {
                path,
                columns: found,
            }),
            None => Ok(None),
        }
    }
}

/// The roles of the columns. A column may have several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Roles {
    pub(crate) path: Option<usize>,
    pub(crate) caption: Option<usize>,
    pub(crate) id: Option<usize>,
}

impl Roles {
    pub(crate) fn try_find<E>(find: impl Fn(Role) -> Result<Option<usize>, E>) -> Result<Self, E> {
        Ok(Self {
            path: find(Role::Path)?,
            caption: find(Role::Caption)?,
            id: find(Role::Id)?,
        })
    }

    /// The roles of the columns with these names.
    pub(crate) fn of_header(columns: &Columns, table: &Path, names: &[String]) -> Result<Self> {
        Self::try_find(
            |role| match role.find(columns, names.iter().map(String::as_str)) {
                Some(index) => Ok(Some(index)),
                None => role.missing(columns, table, names),
            },
        )
    }

    pub(crate) fn map(self, change: impl Fn(usize) -> Option<usize>) -> Self {
        Self {
            path: self.path.and_then(&change),
            caption: self.caption.and_then(&change),
            id: self.id.and_then(&change),
        }
    }

    /// Whether a column has a role.
    pub(crate) fn has(&self, column: usize) -> bool {
        [self.path, self.caption, self.id].contains(&Some(column))
    }
}

fn normalized(name: &str) -> String {
    name.trim().to_lowercase().replace(['-', ' '], "_")
}
