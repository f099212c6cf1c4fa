use std::path::{Path, PathBuf};

use index::Filter;
use search::{Collection, keys};

use crate::error::{Error, Result};
use crate::period::Period;
use crate::real_path::{folder_at, resolved};
use crate::sources::{absolute, file_location};

/// Conditions on pictures: metadata, date and folder. A picture must meet all of them.
#[derive(Clone, Debug, Default)]
pub struct Conditions {
    /// Only pictures whose metadata match this JSON in Pinecone's filter language.
    pub filter: Option<String>,
    /// Only pictures taken in this period or later, by the camera's clock.
    pub taken_after: Option<Period>,
    /// Only pictures taken in this period or earlier.
    pub taken_before: Option<Period>,
    /// Only pictures in this folder and its subfolders.
    pub folder: Option<PathBuf>,
}

impl Conditions {
    pub(crate) fn has_dates(&self) -> bool {
        self.taken_after.is_some() || self.taken_before.is_some()
    }

    /// The options of the conditions that are set.
    pub(crate) fn options(&self) -> Vec<&'static str> {
        let given = [
            (self.filter.is_some(), "--filter"),
            (self.folder.is_some(), "--folder"),
            (self.taken_after.is_some(), "--taken-after"),
            (self.taken_before.is_some(), "--taken-before"),
        ];
        let given = given.iter().filter(|(is_given, _)| *is_given);
        given.map(|(_, option)| *option).collect()
    }

    /// The combined filter for a collection; `None` without conditions.
    ///
    /// # Errors
    /// The errors of [`parse_filter`]; [`Error::NoTime`] if the dates exclude each other; [`Error::NoFolder`];
    /// [`Error::Read`] if the current directory is unknown.
    pub fn filter(&self, collection: &Collection<'_>) -> Result<Option<Filter>> {
        let filter = self.filter.as_deref().map(parse_filter).transpose()?;
        if let (Some(after), Some(before)) = (self.taken_after, self.taken_before)
            && after.start >= before.end
        {
            return Err(Error::NoTime { after, before });
        }
        let after = self.taken_after.map(|after| after.start);
        let before = self.taken_before.map(|before| before.end);
        let folder = self.folder.as_deref();
        let folder = folder.map(|folder| below(folder, collection)).transpose()?;
        let conditions = [
            filter,
            after.map(|start| Filter::at_least(keys::TAKEN_AT, start)),
            before.map(|end| Filter::below(keys::TAKEN_AT, end)),
            folder,
        ];
        Ok(Filter::all(conditions.into_iter().flatten()))
    }
}

/// The filter for the pictures in a folder, by the given path and by the path without symbolic links.
fn below(folder: &Path, collection: &Collection<'_>) -> Result<Filter> {
    let path = absolute(folder)?;
    let Some(path) = folder_at(&path) else {
        return Err(Error::NoFolder { path });
    };
    let resolved = resolved(&path);
    let given = collection.below(&file_location(&path));
    if resolved == path {
        return Ok(given);
    }
    let resolved = collection.below(&file_location(&resolved));
    Ok(Filter::either(given, resolved))
}

/// Parses a filter: JSON in Pinecone's filter language.
///
/// # Errors
/// [`Error::FilterJson`] and [`Error::FilterLanguage`].
pub fn parse_filter(text: &str) -> Result<Filter> {
    let value = index::parse_json(text).map_err(|source| Error::FilterJson { source })?;
    Filter::parse(&value).map_err(|source| Error::FilterLanguage {
        source: Box::new(source),
    })
}
