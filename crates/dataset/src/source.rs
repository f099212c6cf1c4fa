use std::fs;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use crate::delimited::ColumnTypes;
use crate::exclusions::Exclusions;
use crate::gathering::Gathering;
use crate::row::{Row, Take};
use crate::text_stream::{self, Compression};
use crate::{Columns, Error, Listing, ProblemReason, Result};
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

/// Where pictures come from: a folder, one picture, or a table.
///
/// **Folder.** Read recursively. Hidden files and what systems leave behind (`._*`, `.DS_Store`,
/// `Thumbs.db`, `@eaDir`, `__MACOSX`, …) are skipped. Links are followed; a folder that several
/// paths lead to is read once, under the path without links where there is one. A file counts as a
/// picture by its extension (`jpg jpeg jpe jfif png apng webp gif bmp dib tif tiff`, any case), or,
/// with any other extension or none, by its first 16 bytes: each such file is opened, which costs
/// about as much as asking for its size. JPEG XL, known by its extension, is
/// reported as not read; everything else is silently no picture.
///
/// **Table.** CSV, TSV, JSON Lines or Parquet, by extension or else by content, each perhaps
/// compressed (`.gz`, `.zst`), with a path column and perhaps captions, ids and metadata: see
/// [`Columns`]. A CSV or TSV whose first row has a URL has no header. Paths are relative to the
/// table's folder; backslashes and `file://` are understood, and URLs. Rows that name the same picture are
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
pub(crate) enum Kind {
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

    /// The tables at `location`: one, or those in a folder, a data set in several files, in the order of
    /// their names.
    ///
    /// # Errors
    /// As [`Source::open`]; [`Error::NoTable`] for a folder without one, and for a picture.
    pub fn tables(location: &Path, options: SourceOptions) -> Result<Vec<Self>> {
        let source = Self::open(location, options.clone())?;
        let no_table = || Error::NoTable {
            path: location.to_owned(),
        };
        match source.kind {
            Kind::Picture => Err(no_table()),
            Kind::Folder => {
                let tables = folder::tables(&source.path).map_err(Error::read(&source.path))?;
                let tables = tables.iter().map(|path| Self::open(path, options.clone()));
                let tables: Vec<_> = tables.collect::<Result<_>>()?;
                match tables.is_empty() {
                    true => Err(no_table()),
                    false => Ok(tables),
                }
            }
            _ => Ok(vec![source]),
        }
    }

    /// The folder from which a table's paths lead.
    pub(crate) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(&self.path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the source. What cannot be read of it is in the listing's problems.
    ///
    /// # Errors
    /// When the source as a whole cannot be read: [`Error::Read`]; for a table also
    /// [`Error::NoPathColumn`], [`Error::NoSuchColumn`], [`Error::Utf16`],
    /// [`Error::HeaderNotUtf8`].
    pub fn read(&self) -> Result<Listing> {
        match self.kind {
            Kind::Folder => {
                folder::read(&self.path, &self.exclusions).map_err(Error::read(&self.path))
            }
            Kind::Picture => Ok(self.read_picture()),
            _ => self.gather(),
        }
    }

    fn gather(&self) -> Result<Listing> {
        let mut gathering = Gathering::new(&self.path, &self.exclusions);
        let types = self.hand_rows(&mut |line, row| {
            gathering.add(line, row);
            ControlFlow::Continue(())
        })?;
        let mut listing = gathering.finish();
        types.apply(&mut listing);
        Ok(listing)
    }

    /// Hands the rows of a table to `take` one by one, until it says that it is enough: a table may
    /// be larger than memory. With each comes its line, as in a [`Problem`](crate::Problem). Metadata of
    /// CSV and TSV is text. A folder and a picture have no rows.
    ///
    /// # Errors
    /// As [`Source::read`].
    pub fn rows(
        &self,
        mut take: impl FnMut(u64, Result<Row, ProblemReason>) -> ControlFlow<()>,
    ) -> Result<()> {
        self.hand_rows(&mut take).map(drop)
    }

    fn hand_rows(&self, take: &mut Take<'_>) -> Result<ColumnTypes> {
        let (path, columns) = (&self.path, &self.columns);
        match self.kind {
            Kind::Folder | Kind::Picture => Ok(ColumnTypes::default()),
            Kind::Delimited => delimited::read(path, columns, take),
            Kind::JsonLines => {
                json_lines::read(path, columns, take).map(|()| ColumnTypes::default())
            }
            Kind::Parquet => columnar::read(path, columns, take).map(|()| ColumnTypes::default()),
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
        if let Some(kind) = Self::of_name(path) {
            return Ok(kind);
        }
        Self::of_content(path)
            .map_err(&read_error)?
            .ok_or_else(|| Error::UnknownKind {
                path: path.to_owned(),
            })
    }

    /// What a table's name says.
    pub(crate) fn of_name(path: &Path) -> Option<Self> {
        match place::extension(&Compression::uncompressed_name(path)).as_str() {
            "csv" | "tsv" | "tab" => Some(Self::Delimited),
            "jsonl" | "ndjson" => Some(Self::JsonLines),
            "parquet" | "pq" => Some(Self::Parquet),
            _ => None,
        }
    }

    /// What a file with an extension that says nothing begins like: Flickr8k's captions, for one,
    /// are CSV in `captions.txt`.
    fn of_content(path: &Path) -> io::Result<Option<Self>> {
        let mut start = Vec::new();
        text_stream::decompressed(path)?
            .take(4096)
            .read_to_end(&mut start)?;
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
