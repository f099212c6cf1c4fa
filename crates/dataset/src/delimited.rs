//! CSV and TSV.
//!
//! The delimiter is the one of `,` `;` tab `|` that the header has most of. Cells between commas,
//! semicolons and bars are quoted as RFC 4180 says, and may hold line breaks. Between tabs a
//! quotation mark is a character like any other, so that a caption which begins with one does not
//! swallow the rows after it; a cell wholly within quotation marks is taken out of them.
//!
//! Columns of metadata are typed: see [`CellType`]. Empty cells are left out, and so are columns
//! without a name, such as the index that pandas writes.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use csv::{ByteRecord, Terminator};

use crate::columns::{Columns, Roles};
use crate::gathering::{Gathering, Row};
use crate::{Error, Listing, ProblemReason, Result, encoding, place};
use cell_type::CellType;

mod cell_type;

/// Reads the table at `path` into `gathering`.
pub(crate) fn read(
    path: &Path,
    columns: &Columns,
    mut gathering: Gathering<'_>,
) -> Result<Listing> {
    let read_error = Error::read(path);
    let mut file = BufReader::new(File::open(path).map_err(&read_error)?);
    let form = Form::of(path, &mut file)?;
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(form.delimiter)
        .quoting(form.is_quoted())
        .flexible(true)
        // The default, either of `\r` and `\n`, counts lines wrongly in files that have both.
        .terminator(Terminator::Any(form.ending))
        .has_headers(false)
        .from_reader(file);

    let mut cells = ByteRecord::new();
    reader
        .read_byte_record(&mut cells)
        .map_err(|error| read_error(error.into()))?;
    let mut header = Header::new(path, columns, &cells, form.delimiter)?;
    while reader
        .read_byte_record(&mut cells)
        .map_err(|error| read_error(error.into()))?
    {
        if is_blank(&cells) {
            continue;
        }
        let line = cells.position().map_or(0, |position| form.line(position));
        let row = match form.is_open(&cells, reader.position().byte()) {
            true => Err(ProblemReason::OpenQuote),
            false => header.row(&cells),
        };
        gathering.add(line, row);
    }
    let mut listing = gathering.finish();
    header.set_types(&mut listing);
    Ok(listing)
}

/// A line with nothing but white space; those without even that the reader skips itself.
fn is_blank(cells: &ByteRecord) -> bool {
    cells.len() == 1 && cells[0].trim_ascii().is_empty()
}

/// How a table is written.
struct Form {
    delimiter: u8,
    /// What lines end with: `\n`, before which there may be `\r`, or, as on old Macs, `\r` alone.
    ending: u8,
    /// Bytes from the header to the end.
    length: u64,
    ends_with_quote: bool,
}

impl Form {
    /// Finds out, and leaves the file at the first byte of its header.
    fn of(path: &Path, file: &mut BufReader<File>) -> Result<Self> {
        let expected = match place::extension(path).as_str() {
            "tsv" | "tab" => b'\t',
            _ => b',',
        };
        let header = first_line(file).map_err(Error::read(path))?;
        if encoding::is_utf16(&header) {
            let path = path.to_owned();
            return Err(Error::Utf16 { path });
        }
        let has_mark = header.starts_with(encoding::UTF8_MARK);
        let start = if has_mark {
            encoding::UTF8_MARK.len() as u64
        } else {
            0
        };
        let (length, end) = length_and_end(file).map_err(Error::read(path))?;
        file.seek(SeekFrom::Start(start))
            .map_err(Error::read(path))?;
        let is_old_mac = !header.contains(&b'\n') && header.contains(&b'\r');
        let ending = if is_old_mac { b'\r' } else { b'\n' };
        let header = header.split(|&byte| byte == ending).next();
        Ok(Self {
            delimiter: delimiter(header.unwrap_or_default(), expected),
            ending,
            length: length.saturating_sub(start),
            ends_with_quote: end.trim_ascii_end().ends_with(b"\""),
        })
    }

    /// The line of a row, which the reader counts by `\n`.
    fn line(&self, position: &csv::Position) -> u64 {
        match self.ending {
            b'\n' => position.line(),
            _ => position.record() + 1,
        }
    }

    fn is_quoted(&self) -> bool {
        self.delimiter != b'\t'
    }

    /// Whether the row that ends at byte `end` ends with a quoted cell that nothing closed: it runs
    /// over lines to the end of the table, and there is no quotation mark.
    fn is_open(&self, cells: &ByteRecord, end: u64) -> bool {
        let runs_on = cells
            .iter()
            .next_back()
            .is_some_and(|cell| cell.contains(&self.ending));
        self.is_quoted() && end >= self.length && runs_on && !self.ends_with_quote
    }
}

fn first_line(file: &mut BufReader<File>) -> io::Result<Vec<u8>> {
    const LONGEST: u64 = 1 << 20;
    let mut line = Vec::new();
    file.take(LONGEST).read_until(b'\n', &mut line)?;
    Ok(line)
}

/// The file's length and its last bytes.
fn length_and_end(file: &mut BufReader<File>) -> io::Result<(u64, Vec<u8>)> {
    const END: u64 = 4096;
    let length = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(length.saturating_sub(END)))?;
    let mut end = Vec::new();
    file.read_to_end(&mut end)?;
    Ok((length, end))
}

/// The delimiter that the header has most of, of several the `expected` one.
fn delimiter(header: &[u8], expected: u8) -> u8 {
    let mut candidates = [b',', b';', b'\t', b'|'].map(|candidate| {
        (
            count_unquoted(header, candidate),
            candidate == expected,
            candidate,
        )
    });
    candidates.sort_unstable();
    candidates[3].2
}

fn count_unquoted(line: &[u8], delimiter: u8) -> usize {
    let mut quoted = false;
    let mut count = 0;
    for &byte in line {
        quoted ^= byte == b'"';
        count += usize::from(byte == delimiter && !quoted);
    }
    count
}

struct Header {
    names: Vec<String>,
    roles: Roles,
    types: Vec<CellType>,
    delimiter: u8,
}

impl Header {
    fn new(path: &Path, columns: &Columns, cells: &ByteRecord, delimiter: u8) -> Result<Self> {
        let mut names = Vec::with_capacity(cells.len());
        for index in 0..cells.len() {
            let cell = cell(cells, index, delimiter);
            let name = std::str::from_utf8(&cell).map_err(|_| Error::HeaderNotUtf8 {
                path: path.to_owned(),
            })?;
            names.push(name.trim().to_owned());
        }
        let roles = Roles::of_header(columns, path, &names)?;
        Ok(Self {
            roles,
            types: vec![CellType::default(); names.len()],
            names,
            delimiter,
        })
    }

    fn row(&mut self, cells: &ByteRecord) -> Result<Row, ProblemReason> {
        if cells.len() != self.names.len() {
            let (got, expected) = (cells.len(), self.names.len());
            return Err(ProblemReason::UnequalLength { got, expected });
        }
        let mut row = Row::default();
        for (index, name) in self.names.iter().enumerate() {
            let cell = cell(cells, index, self.delimiter);
            let text = std::str::from_utf8(&cell)
                .map_err(|_| ProblemReason::CellNotUtf8 {
                    column: name.clone(),
                })?
                .trim();
            if self.roles.has(index) {
                row.set(&self.roles, index, text.into());
            } else if !text.is_empty() && !name.is_empty() {
                self.types[index].see(text);
                row.metadata.insert(name.clone(), text.into());
            }
        }
        Ok(row)
    }

    /// Turns the metadata of `listing` from text into what the columns turned out to hold.
    fn set_types(&self, listing: &mut Listing) {
        for (name, cell_type) in self.names.iter().zip(&self.types) {
            for record in &mut listing.records {
                if let Some(value) = record.metadata.get_mut(name) {
                    cell_type.apply(value);
                }
            }
        }
    }
}

/// One cell without its carriage return, and in a table without quoting without its quotes.
fn cell(cells: &ByteRecord, index: usize, delimiter: u8) -> Cow<'_, [u8]> {
    let mut cell = &cells[index];
    if index + 1 == cells.len() {
        cell = cell.strip_suffix(b"\r").unwrap_or(cell);
    }
    match delimiter {
        b'\t' => unquoted(cell),
        _ => Cow::Borrowed(cell),
    }
}

/// `"a ""b"""` is `a "b"`; whatever is not wholly quoted stays as it is.
fn unquoted(cell: &[u8]) -> Cow<'_, [u8]> {
    let Some(inner) = cell
        .strip_prefix(b"\"")
        .and_then(|rest| rest.strip_suffix(b"\""))
    else {
        return Cow::Borrowed(cell);
    };
    let mut text = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter();
    while let Some(&byte) = bytes.next() {
        if byte == b'"' && bytes.next() != Some(&b'"') {
            return Cow::Borrowed(cell);
        }
        text.push(byte);
    }
    Cow::Owned(text)
}
