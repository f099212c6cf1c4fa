use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::vec;

use rusqlite::{Result, Row, params};

use super::database::{Database, code, kind as kind_of, of_json, unreadable};
use super::{ListedSource, PAGE, PAGE_BYTES};
use crate::address::{Address, AddressKind};
use crate::{Metadata, Record};

/// An iterator over the pictures of a [`Listing`](crate::Listing) in the order of their first mention. Reads
/// some hundred records at a time, and ends after an error.
#[derive(Debug)]
pub struct Records<'a> {
    database: &'a Mutex<Database>,
    sources: &'a [ListedSource],
    kind: Option<AddressKind>,
    /// The number of the last record of the page.
    last: i64,
    page: vec::IntoIter<Record>,
    is_done: bool,
}

impl<'a> Records<'a> {
    pub(super) fn new(
        database: &'a Mutex<Database>,
        sources: &'a [ListedSource],
        kind: Option<AddressKind>,
    ) -> Self {
        Self {
            database,
            sources,
            kind,
            last: 0,
            page: Vec::new().into_iter(),
            is_done: false,
        }
    }

    fn read_page(&mut self) -> Result<()> {
        let database = self.database.lock().unwrap_or_else(PoisonError::into_inner);
        let mut heads = heads(&database, self.sources, self.last, self.kind, PAGE)?;
        complete(&database, self.sources, &mut heads)?;
        match heads.last() {
            Some((number, _)) => self.last = *number,
            None => self.is_done = true,
        }
        let records: Vec<Record> = heads.into_iter().map(|(_, record)| record).collect();
        self.page = records.into_iter();
        Ok(())
    }
}

impl Iterator for Records<'_> {
    type Item = crate::Result<Record>;

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

/// The record `number`.
pub(super) fn record(
    database: &Database,
    sources: &[ListedSource],
    number: i64,
) -> crate::Result<Option<Record>> {
    let mut heads = heads(database, sources, number - 1, None, 1)?;
    complete(database, sources, &mut heads)?;
    Ok(heads.pop().map(|(_, record)| record))
}

/// Up to `most` records after the number `after`, each with its first row.
fn heads(
    database: &Database,
    sources: &[ListedSource],
    after: i64,
    kind: Option<AddressKind>,
    most: i64,
) -> Result<Vec<(i64, Record)>> {
    let mut statement = database.connection.prepare_cached(
        "SELECT number, kind, address, id, source, captions, metadata, id_source FROM records
         WHERE number > ?1 AND (?2 IS NULL OR kind = ?2) ORDER BY number LIMIT ?3",
    )?;
    let mut rows = statement.query(params![after, kind.map(code), most])?;
    let (mut heads, mut bytes) = (Vec::new(), 0);
    while bytes < PAGE_BYTES
        && let Some(row) = rows.next()?
    {
        let text = row.get_ref(2)?.as_str()?;
        let address = Address::of_kind(kind_of(row.get(1)?), text).map_err(unreadable)?;
        let source = source_of(sources, row, 4)?;
        let source = source.map_or_else(|| Path::new("").into(), |it| Arc::clone(&it.path));
        let mut record = Record {
            id: row.get(3)?,
            ..Record::at(address, source)
        };
        if sources.len() > 1
            && record.id.is_some()
            && let Some(giver) = source_of(sources, row, 7)?
        {
            record.contribution(&giver.path).id = true;
        }
        bytes += text.len() + merge(&mut record, sources, row, 4)?;
        heads.push((row.get(0)?, record));
    }
    Ok(heads)
}

/// Merges further rows into the records. Removes records from the end if the page gets too large.
fn complete(
    database: &Database,
    sources: &[ListedSource],
    heads: &mut Vec<(i64, Record)>,
) -> Result<()> {
    let (Some(&(first, _)), Some(&(last, _))) = (heads.first(), heads.last()) else {
        return Ok(());
    };
    let mut statement = database.connection.prepare_cached(
        "SELECT record, source, captions, metadata FROM further_rows
         WHERE record BETWEEN ?1 AND ?2 ORDER BY record, sequence",
    )?;
    let mut rows = statement.query([first, last])?;
    let (mut at, mut bytes) = (0, 0);
    while let Some(row) = rows.next()? {
        let number: i64 = row.get(0)?;
        let start = at;
        at += heads[at..].partition_point(|(head, _)| *head < number);
        if at > start && bytes >= PAGE_BYTES {
            heads.truncate(at);
            return Ok(());
        }
        // The row may belong to a record of another kind.
        if let Some((head, record)) = heads.get_mut(at)
            && *head == number
        {
            bytes += merge(record, sources, row, 1)?;
        }
    }
    Ok(())
}

/// The source of a row, from the column with its number.
fn source_of<'a>(
    sources: &'a [ListedSource],
    row: &Row<'_>,
    column: usize,
) -> Result<Option<&'a ListedSource>> {
    let number = usize::try_from(row.get::<_, i64>(column)?).unwrap_or(usize::MAX);
    Ok(sources.get(number))
}

/// Merges a row into a record: its captions, and the metadata that no earlier row has. The row's source,
/// captions and metadata start at `column`. Returns the size of the row in bytes.
fn merge(
    record: &mut Record,
    sources: &[ListedSource],
    row: &Row<'_>,
    column: usize,
) -> Result<usize> {
    let mut bytes = 0;
    // A source that gives nothing is recorded too, as it may have given something before.
    let source = source_of(sources, row, column)?;
    let giver = source.filter(|_| sources.len() > 1).map(|it| &it.path);
    if let Some(giver) = giver {
        record.contribution(giver);
    }
    if let Some(captions) = row.get_ref(column + 1)?.as_str_or_null()? {
        bytes += captions.len();
        record.captions.extend(of_json::<Vec<String>>(captions)?);
        if let Some(giver) = giver {
            record.contribution(giver).captions = true;
        }
    }
    if let Some(text) = row.get_ref(column + 2)?.as_str_or_null()? {
        bytes += text.len();
        let mut metadata: Metadata = of_json(text)?;
        if let Some(source) = source {
            source.types.apply(&mut metadata);
        }
        for (name, cell) in metadata {
            if let Some(giver) = giver
                && !record.metadata.contains_key(&name)
            {
                record.contribution(giver).metadata.insert(name.clone());
            }
            record.metadata.entry(name).or_insert(cell);
        }
    }
    Ok(bytes)
}
