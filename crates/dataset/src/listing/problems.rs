use std::sync::{Mutex, PoisonError};
use std::vec;

use rusqlite::{Result, params};

use super::database::Database;
use super::{PAGE, PAGE_BYTES};
use crate::problem::ListedProblem;

/// An iterator over the problems of a [`Listing`](crate::Listing) in the order of discovery. Reads some
/// hundred problems at a time, and ends after an error.
#[derive(Debug)]
pub struct Problems<'a> {
    database: &'a Mutex<Database>,
    /// The number of the last problem of the page.
    last: i64,
    page: vec::IntoIter<ListedProblem>,
    is_done: bool,
}

impl<'a> Problems<'a> {
    pub(super) fn new(database: &'a Mutex<Database>) -> Self {
        Self {
            database,
            last: 0,
            page: Vec::new().into_iter(),
            is_done: false,
        }
    }

    fn read_page(&mut self) -> Result<()> {
        let database = self.database.lock().unwrap_or_else(PoisonError::into_inner);
        let mut statement = database.connection.prepare_cached(
            "SELECT number, file, line, summary, message, cause FROM problems
             WHERE number > ?1 ORDER BY number LIMIT ?2",
        )?;
        let mut rows = statement.query(params![self.last, PAGE])?;
        let (mut page, mut bytes) = (Vec::new(), 0);
        while bytes < PAGE_BYTES
            && let Some(row) = rows.next()?
        {
            let problem = ListedProblem {
                file: row.get(1)?,
                line: row.get::<_, Option<i64>>(2)?.map(i64::cast_unsigned),
                summary: row.get(3)?,
                message: row.get(4)?,
                cause: row.get(5)?,
            };
            bytes += problem.file.len() + problem.message.len();
            self.last = row.get(0)?;
            page.push(problem);
        }
        self.is_done = page.is_empty();
        self.page = page.into_iter();
        Ok(())
    }
}

impl Iterator for Problems<'_> {
    type Item = crate::Result<ListedProblem>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.page.len() == 0
            && !self.is_done
            && let Err(error) = self.read_page()
        {
            self.is_done = true;
            return Some(Err(error.into()));
        }
        self.page.next().map(Ok)
    }
}
