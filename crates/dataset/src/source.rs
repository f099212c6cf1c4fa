use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hub::Hub;

use crate::column_types::ColumnTypes;
use crate::columnar::Wanted;
use crate::exclusions::Exclusions;
use crate::form::Form;
use crate::gathering::Gathering;
use crate::hub_table::{HubDataset, HubTable};
use crate::row::{Row, Take, TakeOf};
use crate::slice::{Cursor, Slice};
use crate::{Address, Columns, Error, Listing, ProblemReason, Result};
use crate::{columnar, delimited, folder, json_lines, paths};

/// The options for reading a source.
#[derive(Clone, Debug, Default)]
pub struct SourceOptions {
    /// Files and folders to exclude, as in a `.gitignore`: `*.gif` and `drafts` match a name at any depth,
    /// `2019/*.png` the path from the source's folder (a table's own folder), `raw/` only folders. Everything
    /// in an excluded folder is excluded. `!` isn't supported.
    pub exclude: Vec<String>,
    /// The columns of a table by role.
    pub columns: Columns,
    /// The rows of a table to read.
    pub slice: Slice,
}

/// A source of pictures: a folder, one picture, or a table.
///
/// **Folder.** Read recursively. Hidden files and those of systems (`._*`, `.DS_Store`, `Thumbs.db`,
/// `@eaDir`, `__MACOSX`, …) are skipped. Links are followed. A folder that several paths lead to is read
/// once, preferably under the path without links. A file is a picture by its extension (`jpg jpeg jpe jfif
/// png apng webp gif bmp dib tif tiff`, any case), or, with any other extension or none, by its first 16
/// bytes. Opening a file costs about as much as reading its size. JPEG 2000, known by its extension, is
/// reported as unsupported. Other files are ignored silently.
///
/// **Table.** CSV, TSV, JSON Lines, a JSON array of objects, COCO's annotations or Parquet, by extension or
/// else by content, optionally compressed (`.gz`, `.zst`). It has a path column and optionally captions, ids
/// and metadata: see [`Columns`]. A CSV or TSV whose first row names a picture, by a URL or a file name with
/// a picture's extension, has no header. A text with one URL per line is a table with one column. Paths are
/// relative to the table's folder. Backslashes, `file://` and URLs are understood, including `//host/…`
/// (https) and `data:…` (a picture within the table). Rows that name the same picture become one record. It
/// has the captions in the order of the rows, and the id and metadata of the first row that has them.
#[derive(Debug)]
pub struct Source {
    path: PathBuf,
    kind: Kind,
    columns: Columns,
    slice: Slice,
    exclusions: Exclusions,
}

/// What reading a source added to a listing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The number of new pictures.
    pub pictures: u64,
    /// How often the source names a picture, including already listed ones.
    pub mentions: u64,
    /// The number of new problems.
    pub problems: u64,
    /// The number of new captions.
    pub captions: u64,
    /// The number of pictures in a table whose file doesn't exist. Each counts once.
    pub missing: u64,
    /// The folder to which a table's paths are relative.
    pub base: Option<PathBuf>,
    /// The absolute path of the folder, if the source is one.
    pub folder: Option<PathBuf>,
    /// The absolute path of the table, or the name of the data set on the Hub, if the source is one and all
    /// rows were read.
    pub table: Option<PathBuf>,
}

impl Found {
    /// Whether there were no pictures and no problems.
    pub fn is_empty(&self) -> bool {
        self.mentions == 0 && self.problems == 0
    }
}

#[derive(Clone, Debug)]
enum Kind {
    Folder,
    Picture,
    /// One table, or the files of a data set in order.
    Tables(Vec<Table>),
    Hub(HubTable),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Table {
    path: PathBuf,
    form: Form,
}

impl Source {
    /// Opens the source at `location`.
    ///
    /// # Errors
    /// [`Error::Read`] if it doesn't exist or is unreadable, [`Error::UnknownKind`] if it's neither folder
    /// nor picture nor table, [`Error::EmptyTable`] for a table without a byte, [`Error::Exclude`] for a
    /// malformed pattern.
    pub fn open(location: &Path, options: SourceOptions) -> Result<Self> {
        let exclusions = Exclusions::new(&options.exclude)?;
        let path = paths::absolute(location).map_err(Error::read(location))?;
        let kind = Kind::of(&path)?;
        Ok(Self {
            path,
            kind,
            columns: options.columns,
            slice: options.slice,
            exclusions,
        })
    }

    /// Opens the table at `location`. A folder of tables is one data set in several files, sorted by name.
    ///
    /// # Errors
    /// As [`Source::open`]; [`Error::NoTable`] for a folder without tables, and for a picture.
    pub fn table(location: &Path, options: SourceOptions) -> Result<Self> {
        let mut source = Self::open(location, options)?;
        if matches!(source.kind, Kind::Folder) {
            let tables = folder::tables(&source.path).map_err(Error::read(&source.path))?;
            source.kind = Kind::Tables(
                tables
                    .into_iter()
                    .map(|(path, form)| Table { path, form })
                    .collect(),
            );
        }
        match &source.kind {
            Kind::Tables(tables) if !tables.is_empty() => Ok(source),
            _ => Err(Error::NoTable {
                path: location.to_owned(),
            }),
        }
    }

    /// Opens a data set on the Hugging Face Hub. Requests the list of the split's files.
    ///
    /// # Errors
    /// [`Error::Hub`]; [`Error::NoSuchPart`] if the configuration or split doesn't exist or must be named.
    pub fn hub(dataset: &HubDataset, hub: Arc<Hub>, options: SourceOptions) -> Result<Self> {
        let table = dataset.open(hub)?;
        Ok(Self {
            path: table.title.as_str().into(),
            kind: Kind::Hub(table),
            columns: options.columns,
            slice: options.slice,
            exclusions: Exclusions::new(&options.exclude)?,
        })
    }

    /// The folder to which a table's paths are relative.
    pub(crate) fn folder(&self) -> &Path {
        match &self.kind {
            Kind::Tables(tables) => {
                let first = tables.first().map_or(&self.path, |table| &table.path);
                first.parent().unwrap_or(first)
            }
            _ => &self.path,
        }
    }

    /// Whether pictures are within the tables, including rows that are left out. For Parquet, the first
    /// readable row decides. In a text, some rows may have their picture within the table and others not.
    ///
    /// # Errors
    /// As [`Source::read`].
    pub(crate) fn has_inside(&self) -> Result<bool> {
        let mut has_inside = false;
        let mut look = |row: Result<Row, ProblemReason>, is_text: bool| {
            let row = row.and_then(|row| row.with_picture(false)).ok();
            has_inside |= row.as_ref().is_some_and(|row| row.inside.is_some());
            if has_inside || row.is_some() && !is_text {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let wanted = Wanted {
            columns: &self.columns,
            pictures: false,
        };
        let all = || Slice::default().cursor(|| Ok::<_, Error>(0));
        match &self.kind {
            Kind::Folder | Kind::Picture => {}
            Kind::Tables(tables) => {
                for table in tables {
                    let is_text = table.form != Form::Parquet;
                    table.rows(wanted, &mut all()?, &mut |_, row| look(row, is_text))?;
                }
            }
            Kind::Hub(table) => {
                columnar::read_hub(table, wanted, &mut all()?, &mut |_, row| look(row, false))?;
            }
        }
        Ok(has_inside)
    }

    /// The table, or the first of several.
    pub fn first_table(&self) -> Option<PathBuf> {
        match &self.kind {
            Kind::Tables(tables) => tables.first().map(|table| table.path.clone()),
            _ => None,
        }
    }

    /// The path, or the name of a data set on the Hub.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the source. Unreadable parts become problems of the listing.
    ///
    /// # Errors
    /// If the source as a whole can't be read: [`Error::Read`]; for a table also [`Error::NoPathColumn`],
    /// [`Error::NoSuchColumn`], [`Error::Utf16`], [`Error::HeaderNotUtf8`], [`Error::RepeatedColumn`],
    /// [`Error::OneObject`]. [`Error::Listing`] if the listing can't be stored.
    pub fn read(&self) -> Result<Listing> {
        let mut listing = Listing::new()?;
        self.read_into(&mut listing)?;
        Ok(listing)
    }

    /// Reads the source into a listing, which may contain other sources. Rows that name the same picture
    /// become one record, even across sources.
    ///
    /// # Errors
    /// As [`Source::read`]. The listing keeps what was read before the error.
    pub fn read_into(&self, listing: &mut Listing) -> Result<Found> {
        let (pictures, problems) = (listing.pictures(), listing.problems());
        let (mentions, captions) = (listing.mentions(), listing.captions());
        let mut missing = 0;
        match self.kind {
            Kind::Folder => folder::read(&self.path, &self.exclusions, listing)?,
            Kind::Picture => self.read_picture(listing)?,
            Kind::Tables(_) | Kind::Hub(_) => missing = self.gather(listing)?,
        }
        Ok(Found {
            pictures: listing.pictures() - pictures,
            mentions: listing.mentions() - mentions,
            problems: listing.problems() - problems,
            captions: listing.captions() - captions,
            missing,
            base: matches!(self.kind, Kind::Tables(_)).then(|| self.folder().to_owned()),
            folder: matches!(self.kind, Kind::Folder).then(|| self.path.clone()),
            table: self.is_whole_table().then(|| self.path.clone()),
        })
    }

    fn is_whole_table(&self) -> bool {
        let is_table = matches!(self.kind, Kind::Tables(_) | Kind::Hub(_));
        is_table && self.slice.is_all() && self.exclusions.is_empty()
    }

    /// Adds the rows. Returns the number of missing files.
    fn gather(&self, listing: &mut Listing) -> Result<u64> {
        let mut gathering = Gathering::new(&self.path, self.folder(), &self.exclusions, listing)?;
        let mut added = Ok(());
        let types = self.hand_rows(&mut |table, line, row| {
            added = gathering.add(table, line, row);
            match added {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            }
        })?;
        added?;
        gathering.finish(types)
    }

    /// Calls `take` with the rows of a table one by one, until it breaks: a table may be larger than memory.
    /// Each row comes with its table and line, as in a [`Problem`](crate::Problem). Metadata of CSV and TSV
    /// are text. A folder and a picture have no rows.
    ///
    /// # Errors
    /// As [`Source::read`].
    pub fn rows(
        &self,
        mut take: impl FnMut(&Path, u64, Result<Row, ProblemReason>) -> ControlFlow<()>,
    ) -> Result<()> {
        self.hand_rows(&mut take).map(drop)
    }

    /// Like [`rows`](Self::rows), with the bytes of the pictures within the tables.
    ///
    /// # Errors
    /// As [`Source::read`].
    pub fn rows_with_pictures(
        &self,
        mut take: impl FnMut(&Path, u64, Result<Row, ProblemReason>) -> ControlFlow<()>,
    ) -> Result<()> {
        self.hand_wanted(&mut take, true).map(drop)
    }

    fn hand_rows(&self, take: &mut TakeOf<'_>) -> Result<ColumnTypes> {
        self.hand_wanted(take, false)
    }

    /// Calls `take` with the rows of all tables. Returns the types of the metadata columns of CSV and TSV: a
    /// column has the same type in all tables.
    fn hand_wanted(&self, take: &mut TakeOf<'_>, pictures: bool) -> Result<ColumnTypes> {
        let wanted = Wanted {
            columns: &self.columns,
            pictures,
        };
        let mut cursor = self.slice.cursor(|| self.count())?;
        let mut take = |table: &Path, line, row: Result<Row, ProblemReason>| {
            take(table, line, row.and_then(|row| row.with_picture(pictures)))
        };
        let mut types = ColumnTypes::default();
        match &self.kind {
            Kind::Folder | Kind::Picture => {}
            Kind::Tables(tables) => {
                for table in tables {
                    let mut flow = ControlFlow::Continue(());
                    let read = table.rows(wanted, &mut cursor, &mut |line, row| {
                        flow = take(&table.path, line, row);
                        flow
                    });
                    types.join(read?);
                    if flow.is_break() || cursor.is_done() {
                        break;
                    }
                }
            }
            Kind::Hub(table) => {
                let mut take = |line, row| take(&self.path, line, row);
                columnar::read_hub(table, wanted, &mut cursor, &mut take)?;
            }
        }
        Ok(types)
    }

    /// The number of rows.
    fn count(&self) -> Result<u64> {
        match &self.kind {
            Kind::Folder | Kind::Picture => Ok(0),
            Kind::Tables(tables) => tables.iter().map(|table| table.count(&self.columns)).sum(),
            Kind::Hub(table) => columnar::count_hub(table),
        }
    }

    fn read_picture(&self, listing: &mut Listing) -> Result<()> {
        let source = listing.begin_source(&self.path)?;
        match folder::check_picture(&self.path) {
            Ok(true) => listing.add_address(source, &Address::File(self.path.clone())),
            Ok(false) => Ok(()),
            Err(problem) => listing.report(&problem),
        }
    }
}

impl Table {
    /// Calls `take` with the rows that `cursor` selects. Returns the types of the metadata columns of CSV and
    /// TSV.
    fn rows(
        &self,
        wanted: Wanted<'_>,
        cursor: &mut Cursor,
        take: &mut Take<'_>,
    ) -> Result<ColumnTypes> {
        // Unwanted rows of a text have to be read to find the next row.
        let columns = wanted.columns;
        let mut selected = |line, row| match cursor.take() {
            ControlFlow::Continue(true) => take(line, row),
            ControlFlow::Continue(false) => ControlFlow::Continue(()),
            ControlFlow::Break(()) => ControlFlow::Break(()),
        };
        match self.form {
            Form::Delimited => delimited::read(&self.path, columns, &mut selected),
            Form::JsonLines => {
                json_lines::read(&self.path, columns, &mut selected)?;
                Ok(ColumnTypes::default())
            }
            Form::Parquet => {
                columnar::read(&self.path, wanted, cursor, take)?;
                Ok(ColumnTypes::default())
            }
        }
    }

    fn count(&self, columns: &Columns) -> Result<u64> {
        if self.form == Form::Parquet {
            return columnar::count(&self.path);
        }
        let mut count = 0;
        let mut all = Slice::default().cursor(|| Ok::<_, Error>(0))?;
        let wanted = Wanted {
            columns,
            pictures: false,
        };
        self.rows(wanted, &mut all, &mut |_, _| {
            count += 1;
            ControlFlow::Continue(())
        })?;
        Ok(count)
    }
}

impl Kind {
    fn of(path: &Path) -> Result<Self> {
        let read_error = Error::read(path);
        let metadata = fs::metadata(path).map_err(&read_error)?;
        if metadata.is_dir() {
            return Ok(Self::Folder);
        }
        // Opening a pipe would block, and it can be read only once.
        if !metadata.is_file() {
            return Err(Error::UnknownKind {
                path: path.to_owned(),
            });
        }
        if folder::is_picture(path).map_err(&read_error)? {
            return Ok(Self::Picture);
        }
        let form = match Form::of_name(path) {
            Some(form) => Some(form),
            None => Form::of_content(path).map_err(&read_error)?,
        };
        let path = path.to_owned();
        match form {
            Some(_) if metadata.len() == 0 => Err(Error::EmptyTable { path }),
            Some(form) => Ok(Self::Tables(vec![Table { path, form }])),
            None => Err(Error::UnknownKind { path }),
        }
    }
}
