//! The pictures of one or several sources, and what was skipped in them.
//!
//! A [`Listing`] is an SQLite database of its own. What exceeds its cache goes to a temporary file,
//! which no other process sees and which ends with the listing.
//!
//! ```text
//! records       a picture's address, id, and what its first row says, by first mention
//! further_rows  what further rows say of a record
//! addresses     hash of an address ─► record
//! ids           hash of an id ─► record
//! captions      hashes of the captions of records that several rows name
//! problems      files and rows that were skipped
//! unsorted      what was found in a folder, until all of it is
//! ```
//!
//! The rows of a record are merged when it is read: by then the types of the columns are known.

mod cell_counts;
mod database;
mod problems;
mod records;

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

pub use self::cell_counts::CellCounts;
pub(crate) use self::cell_counts::ColumnCounts;
pub(crate) use self::database::Known;
use self::database::{Database, Said};
pub use self::problems::Problems;
pub use self::records::Records;
use crate::address::AddressKind;
use crate::column_types::ColumnTypes;
use crate::problem::ListedProblem;
use crate::{Address, Metadata, Problem, Record, Result};

/// What sources hold: the pictures and the problems. It is kept on disk where it is large.
///
/// Rows that name the same picture, of one source or of several, are one [`Record`]. It has all their
/// captions, and the id and the metadata of the first row that has them.
#[derive(Debug)]
pub struct Listing {
    database: Mutex<Database>,
    pictures: u64,
    captions: u64,
    problems: u64,
    /// How many rows named a picture that was there.
    further_rows: u64,
    /// By source.
    types: Vec<ColumnTypes>,
    columns: ColumnCounts,
}

/// What a row says of a picture.
pub(crate) struct Mention {
    /// As [`Listing::begin_source`] numbers it.
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
            captions: 0,
            problems: 0,
            further_rows: 0,
            types: Vec::new(),
            columns: ColumnCounts::default(),
        })
    }

    /// How many pictures there are.
    pub fn pictures(&self) -> u64 {
        self.pictures
    }

    /// How many captions they have together.
    pub fn captions(&self) -> u64 {
        self.captions
    }

    /// How many problems there are.
    pub fn problems(&self) -> u64 {
        self.problems
    }

    /// Whether there is neither a picture nor a problem.
    pub fn is_empty(&self) -> bool {
        self.pictures == 0 && self.problems == 0
    }

    /// The pictures, in the order of their first mention: those of a folder in the order of their
    /// paths, those of a table in the order of their rows.
    pub fn records(&self) -> Records<'_> {
        self.records_of(None)
    }

    /// The pictures that are files of this machine.
    pub fn files(&self) -> Records<'_> {
        self.records_of(Some(AddressKind::File))
    }

    /// The pictures that are within tables.
    pub fn inside(&self) -> Records<'_> {
        self.records_of(Some(AddressKind::Inside))
    }

    /// The pictures that are on servers.
    pub fn web(&self) -> Records<'_> {
        self.records_of(Some(AddressKind::Web))
    }

    fn records_of(&self, kind: Option<AddressKind>) -> Records<'_> {
        Records::new(&self.database, &self.types, kind)
    }

    /// The picture at `address`, if it is in the listing.
    ///
    /// # Errors
    /// [`Error::Listing`](crate::Error::Listing).
    pub fn at(&self, address: &Address) -> Result<Option<Record>> {
        let database = self.database.lock();
        let database = database.unwrap_or_else(PoisonError::into_inner);
        match database.find(address)? {
            Some(known) => records::record(&database, &self.types, known.number),
            None => Ok(None),
        }
    }

    /// The files and rows that could not become a record, in the order in which they were found.
    pub fn listed_problems(&self) -> Problems<'_> {
        Problems::new(&self.database)
    }

    /// What the cells of each column of metadata are, by its name. At most some thousand columns are
    /// looked at.
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

    /// Begins with a source, and gives its number.
    pub(crate) fn begin_source(&mut self) -> Result<usize> {
        // Left from a source that could not be read to its end.
        self.database_mut().clear_unsorted()?;
        self.types.push(ColumnTypes::default());
        Ok(self.types.len() - 1)
    }

    /// Ends with a source, whose columns have these types and counts.
    pub(crate) fn end_source(
        &mut self,
        source: usize,
        types: ColumnTypes,
        mut counts: ColumnCounts,
    ) {
        counts.retain(|name| !types.is_boolean(name));
        self.columns.join(counts);
        self.types[source] = types;
    }

    /// What is known of the record at `address`.
    pub(crate) fn find(&mut self, address: &Address) -> Result<Option<Known>> {
        Ok(self.database_mut().find(address)?)
    }

    /// The number of the record with that id.
    pub(crate) fn holder(&mut self, id: &str) -> Result<Option<i64>> {
        Ok(self.database_mut().holder(id)?)
    }

    /// Adds what a row says of the picture at `address`, of which so much is `known`. No other
    /// picture may have the row's id. Gives what is known then.
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
        let mut said = Said {
            source: i64::try_from(source).unwrap_or(i64::MAX),
            captions,
            metadata,
        };
        remove_repeated(&mut said.captions);
        let Some(mut known) = known else {
            return self.insert(address, id.as_deref(), &said);
        };
        let sequence = self.further_rows.cast_signed();
        self.further_rows += 1;
        let database = self.database_mut();
        database.add_row(&mut known, sequence, id.as_deref(), &mut said)?;
        self.captions += said.captions.len() as u64;
        Ok(known)
    }

    /// Adds a picture of which no more is known than where it is, unless it is there already.
    pub(crate) fn add_address(&mut self, address: &Address) -> Result<()> {
        if self.find(address)?.is_none() {
            self.insert(address, None, &Said::default())?;
        }
        Ok(())
    }

    fn insert(&mut self, address: &Address, id: Option<&str>, said: &Said) -> Result<Known> {
        let number = self.pictures.cast_signed() + 1;
        let database = self.database_mut();
        let known = database.insert_record(number, address, id, said)?;
        self.pictures += 1;
        self.captions += said.captions.len() as u64;
        Ok(known)
    }

    /// Sets aside what was found at `path`, a picture or a problem, until all of a source is found.
    pub(crate) fn set_aside(&mut self, path: &Path, problem: Option<&Problem>) -> Result<()> {
        let problem = problem.map(ListedProblem::from);
        Ok(self.database_mut().set_aside(path, problem.as_ref())?)
    }

    /// Adds what was set aside, in the order of the paths.
    pub(crate) fn add_sorted(&mut self) -> Result<()> {
        let database = self.database.get_mut();
        let database = database.unwrap_or_else(PoisonError::into_inner);
        let (pictures, problems) = (&mut self.pictures, &mut self.problems);
        database.visit_sorted(|found| {
            match found {
                Ok(path) => {
                    let address = Address::File(path);
                    if database.find(&address)?.is_none() {
                        *pictures += 1;
                        database.insert_record(
                            pictures.cast_signed(),
                            &address,
                            None,
                            &Said::default(),
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

/// Keeps the first of equal captions.
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
