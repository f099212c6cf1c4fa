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
use std::path::Path;

use csv::{ByteRecord, Terminator};

use crate::column_types::{CellType, ColumnTypes};
use crate::columns::{Columns, Roles};
use crate::row::{Row, Take};
use crate::text_stream::{Compression, TextStream};
use crate::{Address, Error, ProblemReason, Result, encoding, paths};

/// Hands the rows of the table at `path` to `take`; gives what its columns of metadata hold.
pub(crate) fn read(path: &Path, columns: &Columns, take: &mut Take<'_>) -> Result<ColumnTypes> {
    let read_error = Error::read(path);
    let mut text = TextStream::open(path)?;
    let form = Form::of(&mut text)?;
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(form.delimiter)
        .quoting(form.is_quoted())
        .flexible(true)
        // The default, either of `\r` and `\n`, counts lines wrongly in files that have both.
        .terminator(Terminator::Any(form.ending))
        .has_headers(false)
        .buffer_capacity(1 << 16)
        .from_reader(text);

    let mut next = ByteRecord::new();
    let read_next = |reader: &mut csv::Reader<TextStream>, cells: &mut ByteRecord| {
        let is_there = reader.read_byte_record(cells);
        is_there.map_err(|error| read_error(error.into()))
    };
    let mut is_there = read_next(&mut reader, &mut next)?;
    let mut header = Header::new(path, columns, &next, form.delimiter)?;
    if !header.is_a_row {
        is_there = read_next(&mut reader, &mut next)?;
    }
    let mut cells = ByteRecord::new();
    while is_there {
        std::mem::swap(&mut cells, &mut next);
        // Whether a row is the last is known when there is no other.
        is_there = read_next(&mut reader, &mut next)?;
        if is_blank(&cells) {
            continue;
        }
        let line = cells.position().map_or(0, |position| form.line(position));
        let row = match !is_there && form.is_open(&cells, reader.get_ref().end()) {
            true => Err(ProblemReason::OpenQuote),
            false => header.row(&cells),
        };
        if take(line, row).is_break() {
            break;
        }
    }
    Ok(header.into_types())
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
}

impl Form {
    /// Finds out, and leaves the text at the first byte of its header.
    fn of(text: &mut TextStream) -> Result<Self> {
        let expected = match paths::extension(&Compression::uncompressed_name(&text.path)).as_str()
        {
            "tsv" | "tab" => b'\t',
            _ => b',',
        };
        if encoding::is_utf16(text.start()) {
            let path = text.path.clone();
            return Err(Error::Utf16 { path });
        }
        if text.start().starts_with(encoding::UTF8_MARK) {
            text.skip(encoding::UTF8_MARK.len());
        }
        let first = |start: &[u8], ending| {
            start
                .split(|&byte| byte == ending)
                .next()
                .map(<[u8]>::to_vec)
        };
        let line = first(text.start(), b'\n').unwrap_or_default();
        let has_line_feed = line.len() < text.start().len();
        let ending = if !has_line_feed && line.contains(&b'\r') {
            b'\r'
        } else {
            b'\n'
        };
        let header = first(&line, ending).unwrap_or_default();
        Ok(Self {
            delimiter: delimiter(&header, expected),
            ending,
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

    /// Whether the last row ends with a quoted cell that nothing closed: it runs over lines to the
    /// `end` of the text, and there is no quotation mark.
    fn is_open(&self, last: &ByteRecord, end: &[u8]) -> bool {
        let runs_on = last
            .iter()
            .next_back()
            .is_some_and(|cell| cell.contains(&self.ending));
        self.is_quoted() && runs_on && !end.trim_ascii_end().ends_with(b"\"")
    }
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
    /// Whether there is no header: what stands in its place is a row.
    is_a_row: bool,
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
        let unnamed = Unnamed::of(columns, &names);
        let roles = match &unnamed {
            Some(unnamed) => unnamed.roles,
            None => Roles::of_header(columns, path, &names)?,
        };
        Ok(Self {
            roles,
            types: vec![CellType::default(); names.len()],
            is_a_row: unnamed.is_some(),
            names: unnamed.map_or(names, |unnamed| unnamed.names),
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

    fn into_types(self) -> ColumnTypes {
        self.names.into_iter().zip(self.types).collect()
    }
}

/// The columns of a table without a header, as Conceptual Captions has them: caption, tab, URL. It
/// is known by a URL where a name should be.
struct Unnamed {
    roles: Roles,
    names: Vec<String>,
}

impl Unnamed {
    fn of(columns: &Columns, cells: &[String]) -> Option<Self> {
        if *columns != Columns::default() {
            return None;
        }
        let path = cells.iter().position(|cell| Address::is_meant(cell))?;
        let caption = (0..cells.len()).find(|&column| column != path);
        Some(Self {
            roles: Roles {
                path: Some(path),
                caption,
                id: None,
            },
            names: (1..=cells.len()).map(|n| format!("column{n}")).collect(),
        })
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
