use std::path::Path;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::{Error, Result};

/// Files and folders to exclude, as in a `.gitignore`. A pattern without a slash matches a name at any depth,
/// one with a slash the path from the folder, and one that ends in a slash only folders. Everything in an
/// excluded folder is excluded.
#[derive(Debug)]
pub struct Exclusions {
    anything: GlobSet,
    folders: GlobSet,
}

impl Exclusions {
    pub(crate) fn is_empty(&self) -> bool {
        self.anything.is_empty() && self.folders.is_empty()
    }

    /// Parses the patterns.
    ///
    /// # Errors
    /// [`Error::Exclude`] for a malformed pattern.
    pub fn new(patterns: &[String]) -> Result<Self> {
        let mut anything = GlobSetBuilder::new();
        let mut folders = GlobSetBuilder::new();
        for pattern in patterns {
            let error = |source| Error::Exclude {
                pattern: pattern.clone(),
                source,
            };
            let trimmed = pattern.trim_end_matches('/');
            let anchored = match trimmed.strip_prefix('/') {
                Some(from_root) => from_root.to_owned(),
                None if trimmed.contains('/') => trimmed.trim_start_matches("./").to_owned(),
                None => format!("**/{trimmed}"),
            };
            let glob = GlobBuilder::new(&anchored)
                .literal_separator(true)
                .build()
                .map_err(error)?;
            let set = if trimmed == pattern {
                &mut anything
            } else {
                &mut folders
            };
            set.add(glob);
        }
        let build = |set: GlobSetBuilder| {
            set.build().map_err(|source| Error::Exclude {
                pattern: patterns.join(" "),
                source,
            })
        };
        Ok(Self {
            anything: build(anything)?,
            folders: build(folders)?,
        })
    }

    /// Whether this file or folder itself is excluded; `relative` begins at the source's folder.
    pub(crate) fn exclude(&self, relative: &Path, is_folder: bool) -> bool {
        self.anything.is_match(relative) || (is_folder && self.folders.is_match(relative))
    }

    /// Whether this file, or a folder that contains it, is excluded; `relative` begins at the source's
    /// folder.
    pub fn exclude_within(&self, relative: &Path) -> bool {
        let folders = relative.ancestors().skip(1);
        self.exclude(relative, false) || folders.into_iter().any(|path| self.exclude(path, true))
    }
}
