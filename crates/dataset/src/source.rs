use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::exclusions::Exclusions;
use crate::gathering::Gathering;
use crate::{Columns, Error, Listing, Result};
use crate::{columnar, delimited, folder, json_lines, place};

/// How to read a source.
#[derive(Clone, Debug, Default)]
pub struct SourceOptions {
    /// Files and folders to leave out, as in a `.gitignore`: `*.gif` and `drafts` match a name at
    /// any depth, `2019/*.png` the path from the source's folder (a table's own folder), `raw/`
    /// only folders. What is in an excluded folder is excluded. There is no `!`.
    pub exclude: Vec<String>,
    /// Which columns of a table hold what.
    pub columns: Columns,
}

/// A place where pictures come from: a folder, one picture, or a table.
///
/// **Folder.** Read recursively. Hidden files and what systems leave behind (`._*`, `.DS_Store`,
/// `Thumbs.db`, `@eaDir`, `__MACOSX`, …) are skipped. Links are followed; a folder that several
/// paths lead to is read once, under the path without links where there is one. A file counts as a
/// picture by its extension (`jpg jpeg jpe jfif png apng webp gif bmp dib tif tiff`, any case), or,
/// with any other extension or none, by its first 16 bytes: each such file is opened, which costs
/// about as much as asking for its size. JPEG XL, known by its extension, is
/// reported as not read; everything else is silently no picture.
///
/// **Table.** CSV, TSV, JSON Lines or Parquet, by extension or else by content, with a path
/// column and perhaps captions, ids and metadata: see [`Columns`]. Paths are relative to the
/// table's folder; backslashes and `file://` are understood. Rows that name the same picture are
/// one record, whose captions are in the order of the rows and whose id and metadata are the first
/// row's that has them.
#[derive(Debug)]
pub struct Source {
    path: PathBuf,
    kind: Kind,
    columns: Columns,
    exclusions: Exclusions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Folder,
    Picture,
    Delimited,
    JsonLines,
    Parquet,
}

impl Source {
    /// Finds out what is at `location`.
    ///
    /// # Errors
    /// [`Error::Read`] when there is nothing or it cannot be read, [`Error::UnknownKind`] when it
    /// is neither folder nor picture nor table, [`Error::Exclude`] for a malformed pattern.
    pub fn open(location: &Path, options: SourceOptions) -> Result<Self> {
        let exclusions = Exclusions::new(&options.exclude)?;
        let path = place::absolute(location).map_err(Error::read(location))?;
        let kind = Kind::of(&path)?;
        Ok(Self {
            path,
            kind,
            columns: options.columns,
            exclusions,
        })
    }

    /// Reads the source. What cannot be read of it is in the listing's problems.
    ///
    /// # Errors
    /// When the source as a whole cannot be read: [`Error::Read`]; for a table also
    /// [`Error::NoPathColumn`], [`Error::NoSuchColumn`], [`Error::Utf16`],
    /// [`Error::HeaderNotUtf8`].
    pub fn read(&self) -> Result<Listing> {
        let gathering = Gathering::new(&self.path, &self.exclusions);
        match self.kind {
            Kind::Folder => {
                folder::read(&self.path, &self.exclusions).map_err(Error::read(&self.path))
            }
            Kind::Picture => Ok(self.read_picture()),
            Kind::Delimited => delimited::read(&self.path, &self.columns, gathering),
            Kind::JsonLines => json_lines::read(&self.path, &self.columns, gathering),
            Kind::Parquet => columnar::read(&self.path, &self.columns, gathering),
        }
    }

    fn read_picture(&self) -> Listing {
        let mut listing = Listing::default();
        match folder::picture(self.path.clone()) {
            Ok(record) => listing.records.extend(record),
            Err(problem) => listing.problems.push(problem),
        }
        listing
    }
}

impl Kind {
    fn of(path: &Path) -> Result<Self> {
        let read_error = Error::read(path);
        let metadata = fs::metadata(path).map_err(&read_error)?;
        if metadata.is_dir() {
            return Ok(Self::Folder);
        }
        // A pipe would be waited for, and can be read only once.
        if !metadata.is_file() {
            return Err(Error::UnknownKind {
                path: path.to_owned(),
            });
        }
        if folder::is_picture(path).map_err(&read_error)? {
            return Ok(Self::Picture);
        }
        match place::extension(path).as_str() {
            "csv" | "tsv" | "tab" => Ok(Self::Delimited),
            "jsonl" | "ndjson" => Ok(Self::JsonLines),
            "parquet" | "pq" => Ok(Self::Parquet),
            _ => Self::of_content(path)
                .map_err(&read_error)?
                .ok_or_else(|| Error::UnknownKind {
                    path: path.to_owned(),
                }),
        }
    }

    /// What a file with an extension that says nothing begins like: Flickr8k's captions, for one,
    /// are CSV in `captions.txt`.
    fn of_content(path: &Path) -> io::Result<Option<Self>> {
        let mut start = Vec::new();
        File::open(path)?.take(4096).read_to_end(&mut start)?;
        let line = start
            .split(|&byte| byte == b'\n')
            .next()
            .unwrap_or_default();
        let is_text = !line
            .iter()
            .any(|&byte| byte.is_ascii_control() && !b"\t\r".contains(&byte));
        Ok(match start.trim_ascii_start() {
            text if text.starts_with(b"PAR1") => Some(Self::Parquet),
            text if text.starts_with(b"{") => Some(Self::JsonLines),
            _ if is_text && line.iter().any(|byte| b",;\t|".contains(byte)) => {
                Some(Self::Delimited)
            }
            _ => None,
        })
    }
}
