use std::fs;
use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// The cached files of one commit of a repository. They may be incomplete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The folder of the files.
    pub directory: PathBuf,
    /// The commit's hash.
    pub commit: String,
    /// The files, sorted by name.
    pub files: Vec<SnapshotFile>,
    /// Files that the commit is known not to have, sorted by name.
    pub absent: Vec<String>,
}

/// A file of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotFile {
    /// Its name in the repository: `config.json`, `1_Pooling/config.json`.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
}

/// The maximum depth of folders. Repositories have two or three levels.
const DEEPEST: usize = 16;

impl Snapshot {
    /// Reads the files in `directory`, and those marked as absent in the folder `absent`. `None` if the
    /// directory doesn't exist.
    ///
    /// # Errors
    /// If it can't be read.
    pub(crate) fn read(directory: PathBuf, absent: &Path, commit: &str) -> Result<Option<Self>> {
        if !directory.is_dir() {
            return Ok(None);
        }
        let files = read_files(&directory)?;
        let absent = if absent.is_dir() {
            read_files(absent)?
        } else {
            Vec::new()
        };
        Ok(Some(Self {
            directory,
            commit: commit.to_owned(),
            files,
            absent: absent.into_iter().map(|file| file.name).collect(),
        }))
    }

    /// The files' names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|file| file.name.as_str())
    }

    /// The path of a file, whether it exists or not.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

/// The files in a folder and its subfolders, sorted by name.
fn read_files(folder: &Path) -> Result<Vec<SnapshotFile>> {
    let mut files = Vec::new();
    collect(folder, "", DEEPEST, &mut files)?;
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

fn collect(folder: &Path, prefix: &str, depth: usize, files: &mut Vec<SnapshotFile>) -> Result<()> {
    for entry in fs::read_dir(folder).map_err(Error::of(folder))? {
        let entry = entry.map_err(Error::of(folder))?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let name = format!("{prefix}{name}");
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder && depth > 0 {
            collect(&entry.path(), &format!("{name}/"), depth - 1, files)?;
            continue;
        }
        // A link to a deleted blob doesn't count as a file.
        match fs::metadata(entry.path()) {
            Ok(metadata) if metadata.is_file() => files.push(SnapshotFile {
                name,
                size: metadata.len(),
            }),
            _ => {}
        }
    }
    Ok(())
}
