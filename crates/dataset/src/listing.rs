//! The pictures of one or several sources, and what was skipped in them.
//!
//! A [`Listing`] is a private SQLite database. SQLite writes what exceeds its cache to a temporary file,
//! which no other process can open and which disappears with the listing.
//!
//! ```text
//! records       address, id and first row of each picture, numbered by first mention
//! further_rows  the other rows that name a picture
//! addresses     hash of an address ─► record
//! ids           hash of an id ─► record
//! captions      hashes of the captions of pictures that several rows name
//! problems      files and rows that were skipped
//! refused       what was reported for each source, so that it is reported once
//! unsorted      what the walk through a folder has found so far
//! ```
//!
//! Rows are stored as they come and merged when a record is read, because the type of a column is only known
//! after its last row.

mod cell_counts;
mod database;
mod problems;
mod records;

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

pub use self::cell_counts::CellCounts;
pub(crate) use self::cell_counts::ColumnCounts;
use self::database::{Database, RowContent};
pub(crate) use self::database::{Known, temporary_database};
pub use self::problems::Problems;
pub use self::records::Records;
use crate::address::AddressKind;
use crate::column_types::ColumnTypes;
use crate::problem::ListedProblem;
use crate::{Address, Metadata, Problem, Record, Result};

/// Records or problems read at a time.
const PAGE: i64 = 256;

/// The size in bytes at which a page ends, even with fewer of them.
const PAGE_BYTES: usize = 4 << 20;

/// The pictures and problems of one or several sources. A large listing is stored on disk.
///
/// Rows that name the same picture become one [`Record`], even across sources. The record has the captions of
/// all rows, and the id and metadata of the first row that has them.
#[derive(Debug)]
pub struct Listing {
    database: Mutex<Database>,
    pictures: u64,
    files: u64,
    mentions: u64,
    captions: u64,
    problems: u64,
    /// The number of rows that named an already listed picture.
    further_rows: u64,
    sources: Vec<ListedSource>,
    columns: ColumnCounts,
}

/// A source that was read into a listing.
#[derive(Debug)]
pub(crate) struct ListedSource {
    path: Arc<Path>,
    /// The types of its columns.
    types: ColumnTypes,
}

/// A row that names a picture.
pub(crate) struct Mention {
    /// The source's number, from [`Listing::begin_source`].
    pub(crate) source: usize,
    pub(crate) id: Option<String>,
    /// None of them empty.
    pub(crate) captions: Vec<String>,
    pub(crate) metadata: Metadata,
}

impl Listing {
    /// An empty listing.
    ///
    /// # Errors
    /// [`Error::Listing`](crate::Error::Listing).
    pub fn new() -> Result<Self> {
        Ok(Self {
            database: Mutex::new(Database::new()?),
            pictures: 0,
            files: 0,
            mentions: 0,
            captions: 0,
            problems: 0,
            further_rows: 0,
            sources: Vec::new(),
            columns: ColumnCounts::default(),
        })
    }

    /// The number of pictures.
    pub fn pictures(&self) -> u64 {
        self.pictures
    }

    /// The number of pictures that are local files.
    pub fn file_count(&self) -> u64 {
        self.files
    }

    /// The number of rows and files that named a picture.
    pub(crate) fn mentions(&self) -> u64 {
        self.mentions
    }

    /// The number of captions of all pictures.
    pub fn captions(&self) -> u64 {
        self.captions
    }

    /// The number of problems.
    pub fn problems(&self) -> u64 {
        self.problems
    }

    /// Whether there are no pictures and no problems.
    pub fn is_empty(&self) -> bool {
        self.pictures == 0 && self.problems == 0
    }

    /// The pictures in the order of their first mention: in a folder sorted by path, in a table in the order
    /// of rows.
    pub fn records(&self) -> Records<'_> {
        self.records_of(None)
    }

    /// The pictures that are local files.
    pub fn files(&self) -> Records<'_> {
        self.records_of(Some(AddressKind::File))
    }

    /// The pictures within tables.
    pub fn inside(&self) -> Records<'_> {
        self.records_of(Some(AddressKind::Inside))
    }

    /// The pictures on servers.
    pub fn web(&self) -> Records<'_> {
        self.records_of(Some(AddressKind::Web))
    }

    fn records_of(&self, kind: Option<AddressKind>) -> Records<'_> {
        Records::new(&self.database, &self.sources, kind)
    }

    /// The picture at `address`, if it is in the listing.
    ///
    /// # Errors
    /// [`Error::Listing`](crate::Error::Listing).
    pub fn at(&self, address: &Address) -> Result<Option<Record>> {
        let database = self.database.lock();
        let database = database.unwrap_or_else(PoisonError::into_inner);
        match database.find(address)? {
            Some(known) => records::record(&database, &self.sources, known.number),
            None => Ok(None),
        }
    }

    /// The files and rows that couldn't become a record, in the order of discovery.
    pub fn listed_problems(&self) -> Problems<'_> {
        Problems::new(&self.database)
    }

    /// Counts of the cells of each metadata column, by the column's name. Columns after the first 4096 are
    /// ignored.
    pub fn columns(&self) -> &BTreeMap<String, CellCounts> {
        self.columns.by_name()
    }

    /// Adds a problem.
    ///
    /// # Errors
    /// [`Error::Listing`](crate::Error::Listing).
    pub fn report(&mut self, problem: &Problem) -> Result<()> {
        let problem = ListedProblem::from(problem);
        self.database_mut().insert_problem(&problem)?;
        self.problems += 1;
        Ok(())
    }

    /// Starts the source at `path` and returns its number.
    pub(crate) fn begin_source(&mut self, path: &Path) -> Result<usize> {
        // A failed source may have left some.
        self.database_mut().clear_unsorted()?;
        self.sources.push(ListedSource {
            path: path.into(),
            types: ColumnTypes::default(),
        });
        Ok(self.sources.len() - 1)
    }

    /// Ends a source, now that the types and counts of its columns are known.
    pub(crate) fn end_source(
        &mut self,
        source: usize,
        types: ColumnTypes,
        mut counts: ColumnCounts,
    ) {
        counts.retain(|name| !types.is_boolean(name));
        self.columns.join(counts);
        self.sources[source].types = types;
    }

    /// Looks up the record at `address`.
    pub(crate) fn find(&mut self, address: &Address) -> Result<Option<Known>> {
        Ok(self.database_mut().find(address)?)
    }

    /// Looks up the number of the record with this id.
    pub(crate) fn holder(&mut self, id: &str) -> Result<Option<i64>> {
        Ok(self.database_mut().holder(id)?)
    }

    /// The id of a record.
    pub(crate) fn id(&mut self, known: Known) -> Result<Option<String>> {
        if known.has_id {
            Ok(self.database_mut().id(known.number)?)
        } else {
            Ok(None)
        }
    }

    /// Notes that a name of a source was refused. Returns false if it was refused before.
    pub(crate) fn refuse(&mut self, source: usize, name: &str) -> Result<bool> {
        Ok(self.database_mut().refuse(source, name)?)
    }

    /// Adds a row to the record at `address`: the `known` one, or a new one. The caller has checked that no
    /// other record has the row's id. Returns the updated record.
    pub(crate) fn add(
        &mut self,
        address: &Address,
        known: Option<Known>,
        mention: Mention,
    ) -> Result<Known> {
        let Mention {
            source,
            id,
            captions,
            metadata,
        } = mention;
        let mut content = RowContent {
            captions,
            metadata,
            ..RowContent::of(source)
        };
        remove_repeated(&mut content.captions);
        self.mentions += 1;
        let Some(mut known) = known else {
            return self.insert(address, id.as_deref(), &content);
        };
        let sequence = self.further_rows.cast_signed();
        self.further_rows += 1;
        let database = self.database_mut();
        database.add_row(&mut known, sequence, id.as_deref(), &mut content)?;
        self.captions += content.captions.len() as u64;
        Ok(known)
    }

    /// Adds a picture without captions and metadata, unless it's already listed.
    pub(crate) fn add_address(&mut self, source: usize, address: &Address) -> Result<()> {
        self.mentions += 1;
        if self.find(address)?.is_none() {
            self.insert(address, None, &RowContent::of(source))?;
        }
        Ok(())
    }

    fn insert(
        &mut self,
        address: &Address,
        id: Option<&str>,
        content: &RowContent,
    ) -> Result<Known> {
        let number = self.pictures.cast_signed() + 1;
        let database = self.database_mut();
        let known = database.insert_record(number, address, id, content)?;
        self.pictures += 1;
        self.files += u64::from(address.file().is_some());
        self.captions += content.captions.len() as u64;
        Ok(known)
    }

    /// Stores a picture or a problem at `path` until [`add_sorted`](Self::add_sorted).
    pub(crate) fn set_aside(&mut self, path: &Path, problem: Option<&Problem>) -> Result<()> {
        let problem = problem.map(ListedProblem::from);
        Ok(self.database_mut().set_aside(path, problem.as_ref())?)
    }

    /// Adds the stored pictures and problems, sorted by path.
    pub(crate) fn add_sorted(&mut self, source: usize) -> Result<()> {
        let database = self.database.get_mut();
        let database = database.unwrap_or_else(PoisonError::into_inner);
        let (pictures, problems) = (&mut self.pictures, &mut self.problems);
        let (mentions, files) = (&mut self.mentions, &mut self.files);
        database.visit_sorted(|found| {
            match found {
                Ok(path) => {
                    *mentions += 1;
                    let address = Address::File(path);
                    if database.find(&address)?.is_none() {
                        *pictures += 1;
                        *files += 1;
                        database.insert_record(
                            pictures.cast_signed(),
                            &address,
                            None,
                            &RowContent::of(source),
                        )?;
                    }
                }
                Err(problem) => {
                    *problems += 1;
                    database.insert_problem(&problem)?;
                }
            }
            Ok(())
        })?;
        Ok(database.clear_unsorted()?)
    }

    fn database_mut(&mut self) -> &mut Database {
        let database = self.database.get_mut();
        database.unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes duplicate captions, keeping the first.
fn remove_repeated(captions: &mut Vec<String>) {
    if captions.len() < 2 {
        return;
    }
    let mut seen = HashSet::new();
    let is_first: Vec<bool> = captions
        .iter()
        .map(|caption| seen.insert(caption))
        .collect();
    let mut is_first = is_first.into_iter();
    captions.retain(|_| is_first.next().unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_may_be_read_by_several_threads() {
        fn is_send<T: Send>() {}
        fn is_sync<T: Sync>() {}
        is_send::<Listing>();
        is_sync::<Listing>();
        is_send::<Records<'_>>();
        is_send::<Problems<'_>>();
    }
}
