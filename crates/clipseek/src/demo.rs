//! The bundled pictures and their captions.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use dataset::Unfinished;
use include_dir::{Dir, include_dir};

use crate::error::{Error, Result};

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../demo");

/// A bundled picture, relative to the folder that [`unpack`] fills.
pub const PICTURE: &str = "pictures/two-perch.jpg";

/// Writes the bundled pictures to `directory`, except files that are there already. Returns the path of the table with
/// their captions, which can be added.
///
/// # Errors
/// [`Error::Write`], and [`Error::Dataset`] if a file cannot be created.
pub fn unpack(directory: &Path) -> Result<PathBuf> {
    let pictures = directory.join("pictures");
    fs::create_dir_all(&pictures).map_err(|source| Error::Write {
        path: pictures.clone(),
        source,
    })?;
    for file in FILES.files().chain(FILES.dirs().flat_map(Dir::files)) {
        let path = directory.join(file.path());
        if fs::read(&path).is_ok_and(|there| there == file.contents()) {
            continue;
        }
        let mut unfinished = Unfinished::create(&path)?;
        unfinished
            .write_all(file.contents())
            .map_err(|source| Error::Write { path, source })?;
        unfinished.finish()?;
    }
    Ok(directory.join("captions.csv"))
}
